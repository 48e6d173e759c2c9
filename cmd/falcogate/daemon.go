package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/falcogate/falcogate/internal/eventlog"
	"github.com/falcogate/falcogate/internal/kube"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/attest"
	"github.com/falcogate/falcogate/verifier/httpapi"
)

// parts is the daemon while it is wired together. Parts are started against the
// direction in which data flows, so that each finds what it hands its data to:
// log, tail, readers, listeners. They are stopped in the reverse.
type parts struct {
	o         *serveOptions
	logger    *slog.Logger
	registry  *prometheus.Registry
	lifecycle *lifecycle
	files     *liveFiles
	failed    chan error // the first end that nobody asked for
	log       *lateLog
	service   *verifier.Service // nil with --only consumer
	gates     *verifier.Gates   // likewise
	signer    *attest.Signer    // nil without a key
	api       *httpapi.Server
	kube      *kube.Client // nil until something asks for it
}

// heapFloor is in bytes; with it the collector runs about every 128 MiB at least.
const heapFloor = 64 << 20

// serve runs the daemon until ctx ends or a part fails for good.
func serve(ctx context.Context, o *serveOptions, logger *slog.Logger) (err error) {
	p := &parts{
		o: o, logger: logger, registry: prometheus.NewRegistry(), log: newLateLog(),
		lifecycle: &lifecycle{log: logger}, failed: make(chan error, 1),
	}
	defer func() { err = errors.Join(err, p.lifecycle.stop()) }()
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo())
	p.files = newLiveFiles(logger, p.registry)

	// With an empty index the garbage collector would run all the time under
	// load. Memory that is never touched costs nothing and gives it a floor.
	floor := make([]byte, heapFloor)
	defer runtime.KeepAlive(floor)

	if err := p.openLog(ctx); err != nil {
		return err
	}
	if o.only != onlyConsumer {
		if err := p.startVerifier(); err != nil {
			return err
		}
	}
	addresses := []any{}
	if o.only != onlyVerifier {
		ingest, err := p.startConsumer()
		if err != nil {
			return err
		}
		addresses = append(addresses, "ingest", ingest)
	}
	if err := p.startAPI(ctx); err != nil {
		return err
	}
	addresses = append(addresses, "api", p.api.Addr())
	p.startNATSAPI()
	if o.access.metrics != "" {
		metrics, err := p.startMetrics(ctx)
		if err != nil {
			return err
		}
		addresses = append(addresses, "metrics", metrics)
	}
	if o.natsListen != "" {
		addresses = append(addresses, "nats", p.log.log.ListenURL())
	}
	logger.Info("listening", addresses...)

	select {
	case <-ctx.Done():
		logger.Info("stopping")
		return nil
	case err := <-p.failed:
		return err
	}
}

// background runs f until the daemon stops. An error of f ends the daemon; one
// that comes of stopping it, such as alerts that could not be stored any more, is
// the daemon's as well.
func (p *parts) background(name string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := f(ctx)
		if err != nil && ctx.Err() == nil {
			p.fail(fmt.Errorf("%s: %w", name, err))
			err = nil // it is said once
		}
		done <- err
	}()
	p.lifecycle.onStop(name, p.o.shutdownTimeout, func(stop context.Context) error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-stop.Done():
			return stop.Err()
		}
	})
}

// fail ends the daemon with the first error.
func (p *parts) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// openLog opens the event log: at once when it is embedded, in the background
// when it is a NATS server that may come up later than we do.
func (p *parts) openLog(ctx context.Context) error {
	o := p.o
	config, err := o.natsTLS.client()
	if err != nil {
		return fmt.Errorf("nats: %w", err)
	}
	options := eventlog.Options{
		DataDir: o.dataDir, URL: o.natsURL, CredsFile: o.natsCreds, TLS: config, Replicas: o.natsReplicas, NATSListen: o.natsListen,
		AskPrefix: o.natsAPI.askPrefix(),
		// The half that only reads must not bring the stream to its own flags.
		NoUpdate: o.only == onlyVerifier, Retention: o.retention, MaxBytes: o.retentionBytes, SyncInterval: o.syncInterval, SyncAlways: o.syncAlways,
		Logger: p.logger, Registerer: p.registry,
	}
	if o.natsURL == "" {
		log, err := eventlog.Open(ctx, options)
		if err != nil {
			return err
		}
		p.log.set(log)
		p.lifecycle.onStop("event log", o.shutdownTimeout, log.Close)
		return nil
	}
	p.background("event log", func(ctx context.Context) error {
		log, err := eventlog.Open(ctx, options)
		if err != nil {
			return err
		}
		p.log.set(log)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), o.shutdownTimeout)
		defer cancel()
		return log.Close(bounded)
	})
	return nil
}

// buildInfo is the conventional metric that tells which build runs.
func buildInfo() prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "falcogate_build_info", Help: "Always 1; the labels tell the version and the commit.",
		ConstLabels: prometheus.Labels{"version": built.version, "commit": built.commit},
	})
	info.Set(1)
	return info
}
