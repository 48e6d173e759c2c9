package verifier

import (
	"context"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// Alert is an alert as answers list it, with Falco's names.
type Alert struct {
	// ID names the alert. It is left out of a partial one.
	ID           string             `json:"id,omitzero"`
	Hostname     string             `json:"hostname"`
	Source       string             `json:"source"`
	Rule         string             `json:"rule"`
	Priority     correlate.Priority `json:"priority"`
	Time         time.Time          `json:"time"`
	Output       string             `json:"output"`
	OutputFields map[string]string  `json:"output_fields"`
	Tags         []string           `json:"tags"`

	Namespace string `json:"namespace,omitzero"` // left out for a host's and an unattributed alert
	Pod       string `json:"pod,omitzero"`
	Position  uint64 `json:"position"` // in the event log
	// Partial is true when the event log does not hold the alert any more, or
	// could not be read: Source, Output, OutputFields and Tags are empty then.
	Partial bool `json:"partial,omitzero"`
}

// hydrationTimeout bounds the reading of alerts from the log. An answer without
// their texts is better than none.
const hydrationTimeout = 3 * time.Second

// hydrate lists entries as alerts: with all that the log holds of them, else
// with what the index does.
func (s *Service) hydrate(ctx context.Context, entries []correlate.Entry) []Alert {
	if len(entries) == 0 {
		return []Alert{}
	}
	ctx, cancel := context.WithTimeout(ctx, hydrationTimeout)
	defer cancel()
	positions := make([]uint64, len(entries))
	for i := range entries {
		positions[i] = entries[i].Position
	}
	records, err := s.log.ReadMany(ctx, positions)
	if err != nil {
		s.logger.WarnContext(ctx, "alerts are listed without their texts: the event log could not be read", "error", err)
		records = nil
	}
	alerts := make([]Alert, len(entries))
	for i := range entries {
		var rec *correlate.Record
		if i < len(records) {
			rec = records[i]
		}
		alerts[i] = listed(&entries[i], rec)
	}
	return alerts
}

// listed is the entry with what rec adds to it. Rec is nil when it could not be
// had, and is not used when it is not the entry's: what is counted comes from
// the index, and the list must not say otherwise.
func listed(e *correlate.Entry, rec *correlate.Record) Alert {
	a := Alert{
		Hostname: e.Sensor, Rule: e.Rule, Priority: e.Priority, Time: e.Time.UTC(),
		OutputFields: map[string]string{}, Tags: []string{},
		Namespace: e.Namespace, Pod: e.Pod, Position: e.Position, Partial: true,
	}
	if rec == nil || [8]byte(rec.ID[:8]) != e.IDPrefix {
		return a
	}
	full, ok := rec.Body.(*correlate.Alert)
	if !ok {
		return a
	}
	a.Partial = false
	a.ID, a.Source, a.Output = rec.ID.String(), full.Source, full.Output
	for _, f := range full.OutputFields {
		a.OutputFields[f.Name] = f.Value
	}
	if full.Tags != nil {
		a.Tags = full.Tags
	}
	return a
}
