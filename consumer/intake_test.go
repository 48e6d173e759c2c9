package consumer

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

var errTooLarge = errors.New("record is larger than the log takes")

func newIntake(t *testing.T, log Log, reg prometheus.Registerer) *Intake {
	t.Helper()
	in, err := NewIntake(IntakeOptions{Log: log, Logger: slog.New(slog.DiscardHandler), Registerer: reg})
	require.NoError(t, err)
	return in
}

func httpMessage(raw []byte) Message {
	return Message{Transport: TransportHTTP, Peer: "10.0.0.7:5678", Received: time.Unix(1795415300, 42), Raw: raw}
}

func decode(t *testing.T, raw string) *correlate.Alert {
	t.Helper()
	a, err := DecodeJSON([]byte(raw))
	require.NoError(t, err)
	return a
}

func TestNewIntakeRefuses(t *testing.T) {
	_, err := NewIntake(IntakeOptions{})
	require.ErrorContains(t, err, "event log")
	_, err = NewIntake(IntakeOptions{Log: &memoryLog{}, RulesetInterval: -time.Second})
	require.ErrorContains(t, err, "-1s")
	reg := prometheus.NewRegistry()
	newIntake(t, &memoryLog{}, reg)
	_, err = NewIntake(IntakeOptions{Log: &memoryLog{}, Registerer: reg})
	require.ErrorContains(t, err, "metrics")
}

func TestAcceptStoresAnAlert(t *testing.T) {
	for name, via := range map[string]bool{"append": false, "lane": true} {
		t.Run(name, func(t *testing.T) {
			log, reg := &memoryLog{}, prometheus.NewRegistry()
			in := newIntake(t, log, reg)
			m, a := httpMessage([]byte(goodMessage)), decode(t, goodMessage)
			if via {
				require.NoError(t, in.AcceptVia(t.Context(), log.NewLane(), m, a))
			} else {
				require.NoError(t, in.Accept(t.Context(), m, a))
			}
			require.Equal(t, []*correlate.Record{
				{Received: m.Received, Transport: "http", ID: a.ID(), Body: a},
			}, log.all())
			require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
				# HELP falcogate_received_bytes_total Bytes of the messages received from Falco.
				# TYPE falcogate_received_bytes_total counter
				falcogate_received_bytes_total{transport="file"} 0
				falcogate_received_bytes_total{transport="grpc"} 0
				falcogate_received_bytes_total{transport="http"} 164
				falcogate_received_bytes_total{transport="other"} 0
			`), "falcogate_received_bytes_total"))
			require.InDelta(t, 1, testutil.ToFloat64(in.metrics.byTransport["http"].messages["alert"]), 0)
		})
	}
}

// A message from Falco about itself keeps the identity of the whole message,
// however little of it is kept.
func TestInternalMessagesKeepTheirIdentity(t *testing.T) {
	log := &memoryLog{}
	in := newIntake(t, log, nil)
	kinds := map[string]int{}
	for _, line := range recordings(t, "truth")["alert"] {
		a, err := DecodeJSON(line)
		require.NoError(t, err)
		id := a.ID()
		require.NoError(t, in.Accept(t.Context(), httpMessage(line), a))
		last := log.all()[len(log.all())-1]
		require.Equal(t, id, last.ID)
		require.Equal(t, a.Hostname, last.Body.Sensor())
		kinds[last.Body.Kind()]++
	}
	require.Equal(t, map[string]int{"alert": 22, "snapshot": 21}, kinds)
}

// The numbers of a snapshot are those that stand in Falco's message, and what is
// kept of one is small.
func TestSnapshotsOfTheRecordings(t *testing.T) {
	n := 0
	for name, lines := range recordings(t, "truth") {
		if name == "text" {
			continue
		}
		for _, line := range lines {
			a, err := DecodeJSON(line)
			require.NoError(t, err)
			body, ruleset, err := classify(a)
			require.NoError(t, err)
			s, ok := body.(*correlate.Snapshot)
			if !ok {
				require.Nil(t, ruleset)
				continue
			}
			n++
			require.Equal(t, s.Ruleset, ruleset.ID)
			require.Len(t, s.RuleMatches, len(ruleset.Rules))
			require.Greater(t, len(ruleset.Rules), 80)
			require.IsIncreasing(t, ruleset.Rules)
			require.NotContains(t, ruleset.Rules, "matches_total")
			require.True(t, s.MatchesTotal.Reported)
			require.True(t, s.KernelDrops.Reported)
			require.Positive(t, s.Run.StartTS)
			require.Positive(t, s.Run.ReloadTS)
			require.Equal(t, "syscall", s.EventSource)
			require.Equal(t, "0.43.1", ruleset.Version)
			require.Equal(t, "modern_bpf", ruleset.Engine)
			require.Len(t, ruleset.RulesFiles, 4)
			require.Len(t, ruleset.ConfigFiles, 1)
			var sum uint64
			for _, m := range s.RuleMatches {
				sum += m
			}
			require.Equal(t, s.MatchesTotal.N, sum)
		}
	}
	require.Greater(t, n, 150)
}

const snapshotMessage = `{"hostname":"node-a","output":"Falco metrics snapshot","output_fields":{%s},` +
	`"priority":"Informational","rule":"Falco internal: metrics snapshot","source":"internal","time":"2026-11-23T06:26:40Z"}`

func snapshotAlert(t *testing.T, fields string) *correlate.Alert {
	t.Helper()
	return decode(t, strings.Replace(snapshotMessage, "%s", fields, 1))
}

func TestSnapshotWithWhatFalcoLeavesOut(t *testing.T) {
	body, ruleset, err := classify(snapshotAlert(t, ``))
	require.NoError(t, err)
	require.Nil(t, ruleset)
	require.Equal(t, &correlate.Snapshot{
		Hostname: "node-a", Time: time.Date(2026, 11, 23, 6, 26, 40, 0, time.UTC),
	}, body)

	// Counters off, files known: a change of the files must still be seen.
	body, ruleset, err = classify(snapshotAlert(t, `"falco.sha256_rules_file.r_yaml":"ab","scap.n_drops":"0"`))
	require.NoError(t, err)
	require.Empty(t, ruleset.Rules)
	require.Equal(t, ruleset.ID, body.(*correlate.Snapshot).Ruleset)
	require.Equal(t, correlate.Counter{N: 0, Reported: true}, body.(*correlate.Snapshot).KernelDrops)
	require.False(t, body.(*correlate.Snapshot).MatchesTotal.Reported)
}

func TestRulesetIDTellsContentsApart(t *testing.T) {
	ids := map[correlate.RulesetID]string{}
	for _, fields := range []string{
		`"falco.rules.a":0`, `"falco.rules.b":0`, `"falco.rules.a":0,"falco.rules.b":0`, `"falco.rules.ab":0`,
		`"falco.sha256_rules_file.a":"b"`, `"falco.sha256_config_file.a":"b"`, `"falco.sha256_rules_file.ab":""`,
		`"falco.rules.a":0,"falco.version":"1"`, `"falco.rules.a":0,"scap.engine_name":"1"`,
	} {
		_, r, err := classify(snapshotAlert(t, fields))
		require.NoError(t, err)
		require.NotContains(t, ids, r.ID, fields)
		ids[r.ID] = fields
	}
	_, one, err := classify(snapshotAlert(t, `"falco.rules.a":1,"scap.n_evts":5`))
	require.NoError(t, err)
	require.Equal(t, `"falco.rules.a":0`, ids[one.ID], "counts are not part of the content")
}

// Numbers that are kept and can't be read make the snapshot malformed; it is
// stored as that, and the caller hears it.
func TestSnapshotWithBrokenNumbers(t *testing.T) {
	for _, field := range []string{
		`"falco.rules.matches_total":"many"`, `"falco.rules.X":-1`, `"falco.rules.X":1.5`, `"scap.n_evts":1e3`,
		`"scap.n_drops":18446744073709551616`, `"falco.outputs_queue_num_drops":true`, `"falco.num_evts":""`,
		`"falco.start_ts":"soon"`, `"falco.reload_ts":9223372036854775808`,
	} {
		log := &memoryLog{}
		in := newIntake(t, log, nil)
		a := snapshotAlert(t, field)
		err := in.Accept(t.Context(), httpMessage([]byte("raw")), a)
		var m *MalformedError
		require.ErrorAs(t, err, &m, field)
		require.Equal(t, ClassValue, m.Class)
		require.Equal(t, "node-a", m.Hostname)
		require.Len(t, log.all(), 1)
		body := log.all()[0].Body.(*correlate.Malformed)
		require.Equal(t, "node-a", body.Hostname)
		require.Contains(t, body.Reason, "want a whole number")
		require.InDelta(t, 1, testutil.ToFloat64(in.metrics.malformed.WithLabelValues("http", "value")), 0)
	}
	a := decode(t, strings.Replace(strings.Replace(snapshotMessage, "%s", `"n_drops":"x"`, 1), "metrics snapshot", "syscall event drop", 2))
	a.Rule = ruleDrop
	var m *MalformedError
	require.ErrorAs(t, newIntake(t, &memoryLog{}, nil).Accept(t.Context(), httpMessage(nil), a), &m)
}

// kindsOf are the kinds of the records in the log.
func kindsOf(log *memoryLog) (kinds []string) {
	for _, r := range log.all() {
		kinds = append(kinds, r.Body.Kind())
	}
	return kinds
}

func TestRulesetIsLoggedWhenItIsNewAndFromTimeToTime(t *testing.T) {
	log := &memoryLog{}
	in := newIntake(t, log, nil)
	start := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	accept := func(host, source string, at time.Time, transport, rule string) {
		a := snapshotAlert(t, `"evt.source":"`+source+`","falco.rules.`+rule+`":1`)
		a.Hostname, a.Time = host, at
		m := httpMessage(nil)
		m.Transport = transport
		require.NoError(t, in.Accept(t.Context(), m, a))
	}
	step := func(want ...string) {
		t.Helper()
		require.Equal(t, want, kindsOf(log))
		log.records = nil
	}
	accept("node-a", "syscall", start, TransportHTTP, "x")
	step("ruleset", "snapshot")
	accept("node-a", "syscall", start.Add(59*time.Minute), TransportHTTP, "x")
	step("snapshot")
	accept("node-a", "syscall", start.Add(time.Hour), TransportHTTP, "x")
	step("ruleset", "snapshot")
	accept("node-a", "syscall", start.Add(61*time.Minute), TransportHTTP, "y")
	step("ruleset", "snapshot")
	accept("node-a", "syscall", start.Add(61*time.Minute), TransportGRPC, "y")
	step("ruleset", "snapshot") // it could overtake the other transport's
	accept("node-b", "syscall", start.Add(61*time.Minute), TransportHTTP, "y")
	step("ruleset", "snapshot")
	accept("node-b", "k8s_audit", start.Add(61*time.Minute), TransportHTTP, "z")
	accept("node-b", "syscall", start.Add(62*time.Minute), TransportHTTP, "y")
	step("ruleset", "snapshot", "snapshot")
	accept("node-b", "syscall", start.Add(-time.Minute), TransportHTTP, "y")
	step("ruleset", "snapshot") // the clock was set back by more than an hour
}

// Copies of one ruleset from two consumers have one identity within an hour.
func TestRulesetRecordsOfSeveralConsumers(t *testing.T) {
	ids := func(host string, minute int) correlate.ID {
		log := &memoryLog{}
		a := snapshotAlert(t, `"falco.rules.x":1`)
		a.Hostname, a.Time = host, time.Date(2026, 11, 23, 6, minute, 0, 0, time.UTC)
		require.NoError(t, newIntake(t, log, nil).Accept(t.Context(), httpMessage(nil), a))
		require.Equal(t, []string{"ruleset", "snapshot"}, kindsOf(log))
		return log.all()[0].ID
	}
	require.Equal(t, ids("a", 1), ids("a", 59))
	require.NotEqual(t, ids("a", 1), ids("a", 61))
	require.NotEqual(t, ids("a", 1), ids("b", 1))
}

func TestRulesetsAreBounded(t *testing.T) {
	rs := newRulesets(time.Hour, 3)
	r := &correlate.Ruleset{}
	for _, host := range []string{"a", "b", "c", "d", "d", "e"} {
		rs.logged(sensorKey{hostname: host}, r)
	}
	require.Len(t, rs.last, 3)
	require.False(t, rs.due(sensorKey{hostname: "e"}, r))
	rs.forget()
	require.True(t, rs.due(sensorKey{hostname: "e"}, r))
}

// A ruleset whose snapshot was not stored is not taken for logged.
func TestRulesetIsLoggedAgainAfterAFailure(t *testing.T) {
	log := &memoryLog{away: make(chan struct{})}
	in := newIntake(t, log, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, in.Accept(ctx, httpMessage(nil), snapshotAlert(t, `"falco.rules.x":1`)), context.Canceled)
	require.InDelta(t, 1, testutil.ToFloat64(in.metrics.byTransport["http"].unstored), 0)
	close(log.away)
	require.NoError(t, in.Accept(t.Context(), httpMessage(nil), snapshotAlert(t, `"falco.rules.x":1`)))
	require.Equal(t, []string{"ruleset", "snapshot"}, kindsOf(log))
}

func TestMalformedIsKept(t *testing.T) {
	for name, tc := range map[string]struct {
		raw      string
		hostname string
		reason   string
	}{
		"text":      {"06:34:36.867805450: Informational x", "", "set json_output: true"},
		"no rule":   {`{"hostname":"node-a","priority":"Debug","time":"2026-11-23T06:26:40Z"}`, "node-a", "rule: want the name"},
		"cut short": {`{"hostname":"node-a","outp`, "node-a", "unexpected EOF"},
		"long":      {`{"hostname":"node-a","priority":"Debug","time":"2026-11-23T06:26:40Z","rule":"` + strings.Repeat("r", 5000) + `"}`, "node-a", "have 5000"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &memoryLog{}
			in := newIntake(t, log, nil)
			_, cause := DecodeJSON([]byte(tc.raw))
			m := httpMessage([]byte(tc.raw))
			require.NoError(t, in.Malformed(t.Context(), m, cause))
			m.Received = m.Received.Add(1)
			require.NoError(t, in.MalformedVia(t.Context(), log.NewLane(), m, cause))

			records := log.all()
			require.Len(t, records, 2)
			require.NotEqual(t, records[0].ID, records[1].ID, "the same twice is kept twice")
			require.Equal(t, "http", records[0].Transport)
			body := records[0].Body.(*correlate.Malformed)
			require.Equal(t, records[1].Body, records[0].Body)
			require.Equal(t, tc.hostname, body.Hostname)
			require.Equal(t, "10.0.0.7:5678", body.Peer)
			require.Contains(t, body.Reason, tc.reason)
			require.Equal(t, len(tc.raw), body.Size)
			require.Equal(t, tc.raw[:min(len(tc.raw), correlate.MalformedRawBytes)], string(body.Raw))
		})
	}
}

// An edge that stops reading at its limit hands over the beginning, and the
// hostname is found there.
func TestMalformedOverAnEdgesLimit(t *testing.T) {
	log := &memoryLog{}
	in := newIntake(t, log, nil)
	m := httpMessage([]byte(`{"hostname":"node-a","output":"` + strings.Repeat("o", 2000)))
	m.Size = 9_000_000
	require.NoError(t, in.Malformed(t.Context(), m, Malformedf(ClassTooLarge, "", "want at most 4 MiB, have %d bytes", m.Size)))
	body := log.all()[0].Body.(*correlate.Malformed)
	require.Equal(t, "node-a", body.Hostname)
	require.Equal(t, 9_000_000, body.Size)
	require.Len(t, body.Raw, correlate.MalformedRawBytes)
	require.InDelta(t, 9_000_000, testutil.ToFloat64(in.metrics.byTransport["http"].bytes), 0)
}

func TestMalformedReasonIsBoundedAndUTF8(t *testing.T) {
	log := &memoryLog{}
	in := newIntake(t, log, nil)
	require.NoError(t, in.Malformed(t.Context(), httpMessage(nil), errors.New(strings.Repeat("é\xff", 1000))))
	body := log.all()[0].Body.(*correlate.Malformed)
	require.LessOrEqual(t, len(body.Reason), maxReasonBytes)
	require.True(t, strings.HasPrefix(body.Reason, "é\uFFFDé"))
	require.Equal(t, strings.ToValidUTF8(body.Reason, ""), body.Reason)
	require.InDelta(t, 1, testutil.ToFloat64(in.metrics.malformed.WithLabelValues("http", "other")), 0)
}

// What the log refuses for good leaves a malformed record behind.
func TestRefusedByTheLog(t *testing.T) {
	log := &memoryLog{refuse: func(r *correlate.Record) error {
		if r.Body.Kind() == correlate.KindAlert {
			return errTooLarge
		}
		return nil
	}}
	in := newIntake(t, log, nil)
	err := in.Accept(t.Context(), httpMessage([]byte(goodMessage)), decode(t, goodMessage))
	var m *MalformedError
	require.ErrorAs(t, err, &m)
	require.Equal(t, ClassRefused, m.Class)
	require.Contains(t, m.Reason, errTooLarge.Error())
	require.Equal(t, []string{"malformed"}, kindsOf(log))
	require.Equal(t, "node-a", log.all()[0].Body.Sensor())

	// Through a lane, which breaks of it.
	lane := log.NewLane()
	err = in.AcceptVia(t.Context(), lane, httpMessage(nil), decode(t, goodMessage))
	require.ErrorIs(t, err, ErrLaneBroken)
	require.ErrorIs(t, err, errTooLarge)
	require.Len(t, log.all(), 1)

	// A message that is large beforehand does not get into the lane.
	lane = log.NewLane()
	big := decode(t, goodMessage)
	big.Output = strings.Repeat("o", laneBytes)
	require.ErrorAs(t, in.AcceptVia(t.Context(), lane, httpMessage(nil), big), &m)
	require.Equal(t, []string{"malformed", "malformed"}, kindsOf(log))
	small := decode(t, goodMessage)
	small.Source, small.Rule = correlate.InternalSource, "Falco internal: news"
	require.NoError(t, in.AcceptVia(t.Context(), lane, httpMessage(nil), small), "the lane is still good")
}

// A log that is closed is no reason to call a message malformed without a
// record of it.
func TestLogThatRefusesAll(t *testing.T) {
	closed := errors.New("the log is closed")
	in := newIntake(t, &memoryLog{refuse: func(*correlate.Record) error { return closed }}, nil)
	err := in.Accept(t.Context(), httpMessage(nil), decode(t, goodMessage))
	require.ErrorIs(t, err, closed)
	var m *MalformedError
	require.NotErrorAs(t, err, &m)
}

// While the log is away, Accept waits and then goes through.
func TestAcceptWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{away: make(chan struct{})}
		in := newIntake(t, log, nil)
		done := make(chan error, 1)
		alert := decode(t, goodMessage)
		go func() { done <- in.Accept(t.Context(), httpMessage(nil), alert) }()
		time.Sleep(24 * time.Hour) // of the bubble's time: nothing gives up
		synctest.Wait()
		require.Empty(t, done)
		close(log.away)
		require.NoError(t, <-done)
		require.Len(t, log.all(), 1)
	})
}

// Falco in text mode sends nothing but what can't be read: the log of this
// process must not fill with it.
func TestMalformedIsSaidOnceInAWhile(t *testing.T) {
	var said strings.Builder
	in, err := NewIntake(IntakeOptions{Log: &memoryLog{}, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, in.Malformed(t.Context(), httpMessage([]byte("text")), errors.New("why")))
	}
	require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
	require.Contains(t, said.String(), "why")
}
