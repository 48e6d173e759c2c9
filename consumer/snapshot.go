package consumer

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// Prefixes of a snapshot's fields.
const (
	rulePrefix       = "falco.rules."
	rulesFilePrefix  = "falco.sha256_rules_file."
	configFilePrefix = "falco.sha256_config_file."
)

// readSnapshot keeps of a metrics snapshot what docs/snapshots.md says. The
// ruleset is nil when the snapshot names no rule and no file; the snapshot then
// has no Ruleset.
func readSnapshot(a *correlate.Alert) (*correlate.Snapshot, *correlate.Ruleset, error) {
	s := &correlate.Snapshot{Hostname: a.Hostname, Time: a.Time}
	r := &correlate.Ruleset{Hostname: a.Hostname, Time: a.Time}
	for _, f := range a.OutputFields {
		if err := readSnapshotField(a, f, s, r); err != nil {
			return nil, nil, err
		}
	}
	if len(r.Rules) == 0 && len(r.RulesFiles) == 0 && len(r.ConfigFiles) == 0 {
		return s, nil, nil
	}
	r.ID = rulesetID(r)
	s.Ruleset = r.ID
	return s, r, nil
}

func readSnapshotField(a *correlate.Alert, f correlate.Field, s *correlate.Snapshot, r *correlate.Ruleset) (err error) {
	switch f.Name {
	case "evt.source":
		s.EventSource = f.Value
	case "falco.start_ts":
		s.Run.StartTS, err = timestamp(a, f)
	case "falco.reload_ts":
		s.Run.ReloadTS, err = timestamp(a, f)
	case "falco.rules.matches_total":
		// It shares its prefix with the counters of the rules and is none.
		s.MatchesTotal, err = counter(a, f)
	case "falco.outputs_queue_num_drops":
		s.QueueDrops, err = counter(a, f)
	case "falco.num_evts":
		s.EventsProcessed, err = counter(a, f)
	case "scap.n_evts":
		s.KernelEvents, err = counter(a, f)
	case "scap.n_drops":
		s.KernelDrops, err = counter(a, f)
	case "scap.engine_name":
		r.Engine = f.Value
	case "falco.version":
		r.Version = f.Value
	default:
		// Fields come sorted by name, and what has a prefix in common stays
		// sorted without it.
		if name, ok := strings.CutPrefix(f.Name, rulePrefix); ok {
			var c correlate.Counter
			c, err = counter(a, f)
			r.Rules = append(r.Rules, name)
			s.RuleMatches = append(s.RuleMatches, c.N)
		} else if name, ok := strings.CutPrefix(f.Name, rulesFilePrefix); ok {
			r.RulesFiles = append(r.RulesFiles, correlate.Field{Name: name, Value: f.Value})
		} else if name, ok := strings.CutPrefix(f.Name, configFilePrefix); ok {
			r.ConfigFiles = append(r.ConfigFiles, correlate.Field{Name: name, Value: f.Value})
		}
	}
	return err
}

// timestamp reads nanoseconds since the epoch.
func timestamp(a *correlate.Alert, f correlate.Field) (int64, error) {
	n, err := strconv.ParseInt(f.Value, 10, 64)
	if err != nil {
		return 0, notANumber(a, f)
	}
	return n, nil
}

// rulesetID is SHA-256, cut to 128 bits, over all that a ruleset says but its
// sensor and time, each text with its length and each list with its count
// before it.
func rulesetID(r *correlate.Ruleset) correlate.RulesetID {
	buf := make([]byte, 0, 8192)
	str := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(r.Rules)))
	for _, n := range r.Rules {
		str(n)
	}
	for _, files := range [][]correlate.Field{r.RulesFiles, r.ConfigFiles} {
		buf = binary.AppendUvarint(buf, uint64(len(files)))
		for _, f := range files {
			str(f.Name)
			str(f.Value)
		}
	}
	str(r.Version)
	str(r.Engine)
	sum := sha256.Sum256(buf)
	return correlate.RulesetID(sum[:16])
}
