package kube

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Defaults of LeaseOptions: those of Kubernetes' own controllers.
const (
	DefaultLeaseDuration      = 15 * time.Second
	DefaultLeaseRenewDeadline = 10 * time.Second
	DefaultLeaseRetryPeriod   = 2 * time.Second
	DefaultLeaseMargin        = time.Second
)

// exitNotStopped is the exit code of a process that ends itself: that of all its
// errors at run time.
const exitNotStopped = 2

// LeaseOptions say which Lease, and how it is held.
type LeaseOptions struct {
	Namespace, Name string // required
	// Identity is this process. Empty means the hostname and random digits, so
	// that a process started anew does not take itself for the one before it.
	Identity string
	// Duration is how long others wait after the last renewal, in whole seconds.
	Duration time.Duration
	// RenewDeadline is how long after the last renewal the Lease counts as lost.
	RenewDeadline time.Duration
	// RetryPeriod is the pause between renewals, and between tries.
	RetryPeriod time.Duration
	// Margin is how long before the end of Duration run must have returned: what
	// two clocks may differ by in that time.
	Margin time.Duration
	// Logger is told of changes. Nil means slog.Default().
	Logger *slog.Logger
	// Registerer gets the collectors. Nil means a private registry.
	Registerer prometheus.Registerer
	// Exit ends the process, at once, when run does not return in time. Nil means
	// os.Exit.
	Exit func(code int)
}

// ParseLease reads "NAMESPACE/NAME".
func ParseLease(s string) (namespace, name string, err error) {
	namespace, name, _ = strings.Cut(s, "/")
	if err := checkLease(namespace, name); err != nil {
		return "", "", fmt.Errorf("%.80q: want NAMESPACE/NAME, such as falcogate/falco-readers: %w", s, err)
	}
	return namespace, name, nil
}

func checkLease(namespace, name string) error {
	if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
		return fmt.Errorf("namespace %.63q: %s", namespace, problems[0])
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return fmt.Errorf("name %.63q: %s", name, problems[0])
	}
	return nil
}

// String is NAMESPACE/NAME.
func (o LeaseOptions) String() string { return o.Namespace + "/" + o.Name }

// StopTime is how long what the Lease covers has for stopping when it is lost.
func (o LeaseOptions) StopTime() time.Duration {
	o.setDefaults()
	return o.Duration - o.RenewDeadline - o.Margin
}

func (o *LeaseOptions) setDefaults() {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.Duration, DefaultLeaseDuration}, {&o.RenewDeadline, DefaultLeaseRenewDeadline},
		{&o.RetryPeriod, DefaultLeaseRetryPeriod}, {&o.Margin, DefaultLeaseMargin},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
}

// complete sets the defaults and checks the rest.
func (o *LeaseOptions) complete() error {
	if err := checkLease(o.Namespace, o.Name); err != nil {
		return err
	}
	o.setDefaults()
	switch {
	case o.Duration < time.Second || o.Duration%time.Second != 0:
		return fmt.Errorf("duration %s: want whole seconds, one or more", o.Duration)
	case o.RetryPeriod < 0 || o.Margin < 0:
		return fmt.Errorf("want a retry period and a margin above zero, have %s and %s", o.RetryPeriod, o.Margin)
	case o.RenewDeadline <= 0 || o.StopTime() <= 0:
		return fmt.Errorf("renew deadline %s with a margin of %s: want less together than the duration %s, so that there is time to stop",
			o.RenewDeadline, o.Margin, o.Duration)
	}
	o.Logger = orDefault(o.Logger)
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	if o.Identity == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("identity: %w", err)
		}
		var digits [8]byte
		_, _ = rand.Read(digits[:]) // it never fails
		o.Identity = host + "_" + hex.EncodeToString(digits[:])
	}
	return nil
}

// leaseMetrics are those of one Lease.
type leaseMetrics struct {
	held         prometheus.Gauge
	lost, failed prometheus.Counter
}

func newLeaseMetrics(reg prometheus.Registerer, lease string) leaseMetrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	labels := prometheus.Labels{"lease": lease}
	return leaseMetrics{
		held: register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "falcogate_kube_lease_held", ConstLabels: labels,
			Help: "Whether this process holds the Lease.",
		})),
		lost: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_kube_lease_lost_total", ConstLabels: labels,
			Help: "Times that the Lease was lost while it was held.",
		})),
		failed: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "falcogate_kube_lease_errors_total", ConstLabels: labels,
			Help: "Requests about the Lease that failed, those left out that another one overtook.",
		})),
	}
}
