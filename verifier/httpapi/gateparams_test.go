package httpapi

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
)

// specOf reads a gate's body as of a time.
func specOf(body string, now time.Time) (verifier.GateSpec, error) {
	given, err := readObject(strings.NewReader(body), structured)
	if err != nil {
		return verifier.GateSpec{}, err
	}
	p, err := newParams(given, gateParams)
	if err != nil {
		return verifier.GateSpec{}, err
	}
	return p.gateSpec(now)
}

func TestGateSpecOfABody(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	settling, ratio := verifier.Duration(3*time.Second), 0.25
	for body, want := range map[string]verifier.GateSpec{
		`{"namespace":"shop"}`: {Namespace: "shop"},
		`{"id":"deploy-7","ns":"shop","since":"10m","until":"1m","priority":"critical"}`: {
			ID: "deploy-7", Namespace: "shop", Start: now.Add(-10 * time.Minute), End: now.Add(-time.Minute), Severity: correlate.Critical,
		},
		`{"namespace":"shop","start":"2026-11-23T06:29:00+00:00","duration":"10m"}`: {
			Namespace: "shop", Start: now.Add(-time.Minute).In(time.FixedZone("", 0)), End: now.Add(9 * time.Minute),
		},
		`{"namespace":"shop","duration":"1d","deadline":"2d"}`:                  {Namespace: "shop", End: now.Add(24 * time.Hour), Deadline: now.Add(48 * time.Hour)},
		`{"namespace":"shop","end":1795415700,"deadline":"1795416000"}`:         {Namespace: "shop", End: time.Unix(1795415700, 0), Deadline: time.Unix(1795416000, 0)},
		`{"namespace":"shop","first_pod":true,"owner":"deployment/web"}`:        {Namespace: "shop", FirstPod: true, Owner: "deployment/web"},
		`{"namespace":"shop","pod":"a*","selector":"a=b","hash":"h"}`:           {Namespace: "shop", Pod: "a*", Selector: "a=b", Hash: "h"},
		`{"namespace":"shop","vcluster":"v/ns","rule":"R","sensor":"node-a"}`:   {Namespace: "shop", VCluster: "v/ns", Rule: "R", Sensor: "node-a"},
		`{"namespace":"shop","labels":{"run":"7","":""},"digest":"sha256:00"}`:  {Namespace: "shop", Labels: map[string]string{"run": "7", "": ""}, Digest: "sha256:00"},
		`{"namespace":"shop","require_rules":["A, B","C"]}`:                     {Namespace: "shop", RequireRules: []string{"A, B", "C"}},
		`{"namespace":"shop","require_rules":"A, B"}`:                           {Namespace: "shop", RequireRules: []string{"A", "B"}},
		`{"namespace":"shop","require_rules":[]}`:                               {Namespace: "shop", RequireRules: []string{}},
		`{"namespace":"shop","evidence":"heard","settling":"3s"}`:               {Namespace: "shop", Evidence: verifier.Heard, Settling: &settling},
		`{"namespace":"shop","max_kernel_drop_ratio":0.25,"clock_skew":"3s"}`:   {Namespace: "shop", MaxKernelDropRatio: &ratio, ClockSkew: &settling},
		`{"namespace":"shop","host_alerts":"fail","first_pod":false}`:           {Namespace: "shop", HostAlerts: verifier.HostFail},
		`{"namespace":"shop","start":"2026-11-23T06:29:00Z","deadline":"1h5m"}`: {Namespace: "shop", Start: now.Add(-time.Minute), Deadline: now.Add(65 * time.Minute)},
	} {
		t.Run(body, func(t *testing.T) {
			s, err := specOf(body, now)
			require.NoError(t, err)
			for _, at := range []*time.Time{&s.Start, &s.End, &s.Deadline, &want.Start, &want.End, &want.Deadline} {
				*at = at.UTC()
			}
			require.Equal(t, want, s)
		})
	}
}

func TestGateSpecOfAWrongBody(t *testing.T) {
	for body, field := range map[string]string{
		`{"namespace":"shop","limit":3}`:                           "limit",
		`{"namespace":"shop","ends":"1m"}`:                         "ends",
		`{"namespace":"shop","ns":"cart"}`:                         "ns",
		`{"namespace":""}`:                                         "namespace",
		`{"namespace":null}`:                                       "namespace",
		`{"namespace":["shop"]}`:                                   "namespace",
		`{"namespace":"shop","since":"yesterday"}`:                 "since",
		`{"namespace":"shop","severity":"WARN"}`:                   "severity",
		`{"namespace":"shop","until":"in 5m"}`:                     "until",
		`{"namespace":"shop","duration":"5"}`:                      "duration",
		`{"namespace":"shop","duration":"0s"}`:                     "duration",
		`{"namespace":"shop","duration":"5m","end":"1m"}`:          "duration",
		`{"namespace":"shop","duration":"5m","first_pod":true}`:    "duration",
		`{"namespace":"shop","deadline":"soon"}`:                   "deadline",
		`{"namespace":"shop","first_pod":"true"}`:                  "first_pod",
		`{"namespace":"shop","first_pod":1}`:                       "first_pod",
		`{"namespace":"shop","labels":["a"]}`:                      "labels",
		`{"namespace":"shop","labels":{"a":1}}`:                    "labels",
		`{"namespace":"shop","labels":{"a":"1","a":"2"}}`:          "labels",
		`{"namespace":"shop","labels":{},"labels":{}}`:             "labels",
		`{"namespace":"shop","labels":`:                            "",
		`{"namespace":"shop","require_rules":{}}`:                  "require_rules",
		`{"namespace":"shop","require_rules":[1]}`:                 "require_rules",
		`{"namespace":"shop","require_rules":""}`:                  "require_rules",
		`{"namespace":"shop","evidence":"much"}`:                   "evidence",
		`{"namespace":"shop","settling":"long"}`:                   "settling",
		`{"namespace":"shop","max_kernel_drop_ratio":"a quarter"}`: "max_kernel_drop_ratio",
	} {
		t.Run(body, func(t *testing.T) {
			_, err := specOf(body, time.Unix(1795415400, 0))
			var wrong *verifier.FieldError
			require.ErrorAs(t, err, &wrong)
			require.Equal(t, field, wrong.Field, wrong.Detail)
			require.NotEmpty(t, wrong.Detail)
		})
	}
}

// FuzzGateSpec: a body makes a gate, the same each time, or is a problem.
func FuzzGateSpec(f *testing.F) {
	for _, seed := range []string{
		`{"namespace":"shop","labels":{"a":"b"},"first_pod":true}`, `{"since":"10m","duration":"5m"}`, `{"deadline":"1w","end":1795415400.5}`,
		`{"require_rules":["a"]}`, `{"labels":[`, `{"labels":null}`, `{"first_pod":null}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		now := time.Unix(1795415400, 0)
		s, err := specOf(body, now)
		if err != nil {
			var wrong *verifier.FieldError
			require.ErrorAs(t, err, &wrong)
			return
		}
		again, err := specOf(body, now)
		require.NoError(t, err)
		require.Equal(t, s, again)
	})
}

// A store that is away is told from an answer, and from a client that is gone.
func TestStoredIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		began := time.Now()
		_, err := stored(t.Context(), held)
		require.ErrorIs(t, err, errGatesAway)
		require.Equal(t, gateTimeout, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = stored(ctx, held)
		require.NotErrorIs(t, err, errGatesAway)
		n, err := stored(t.Context(), func(context.Context) (int, error) { return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 7, n)
	})
}
