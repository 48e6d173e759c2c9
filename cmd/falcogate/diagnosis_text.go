package main

import (
	"fmt"
	"strings"

	"github.com/falcogate/falcogate/verifier"
)

// diagnosis writes what the sensors lack: as text, as one document, or a line for
// each finding.
func (p printer) diagnosis(d *verifier.Diagnosis) error {
	switch p.format {
	case "json":
		return p.json(d)
	case "jsonl":
		for _, f := range d.Findings {
			if err := p.json(f); err != nil {
				return err
			}
		}
		return nil
	}
	colours := map[string]string{verifier.SeverityError: "1;31", verifier.SeverityWarning: "1;33"}
	for _, f := range d.Findings {
		who := "all"
		if f.Sensor != "" {
			who = oneLine(f.Sensor, 253)
		}
		fmt.Fprintf(p.out, "%s  %s: %s\n", p.paint(colours[f.Severity], fmt.Sprintf("%-7s", strings.ToUpper(f.Severity))), who, f.Problem)
		fmt.Fprintf(p.out, "  seen   %s\n", oneLine(f.Message, 1000))
		if f.Setting != "" {
			fmt.Fprintf(p.out, "  set    %s\n", oneLine(f.Setting, 400))
		}
		fmt.Fprintln(p.out)
	}
	if !d.CaughtUp {
		fmt.Fprintln(p.out, "the index is behind the event log: this is not the newest state")
	}
	summary := "nothing is missing for proof"
	switch {
	case d.Errors > 0:
		summary = fmt.Sprintf("%s, %s; no gate over what they touch can pass", counted(d.Errors, "error"), counted(d.Warnings, "warning"))
	case d.Warnings > 0:
		summary = counted(d.Warnings, "warning") + ", and nothing that rules the proof out"
	}
	_, err := fmt.Fprintf(p.out, "%s: %s\n", counted(d.Sensors, "sensor"), summary)
	return err
}
