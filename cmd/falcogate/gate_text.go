package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/falcogate/falcogate/verifier"
)

// gate writes a gate: what it asks, and its verdict once it has one.
func (p printer) gate(g *verifier.Gate) error {
	if p.format != "text" {
		return p.json(g)
	}
	fmt.Fprintf(p.out, "%s  gate %s: %s\n", p.paint("1", strings.ToUpper(string(g.State))), oneLine(g.ID, 128), oneLine(gateScope(g), 400))
	fmt.Fprintf(p.out, "  %-17s %s\n", "opened", when(g.OpenedAt))
	fmt.Fprintf(p.out, "  %-17s %s to %s\n", "window", gateStart(g), gateEnd(g))
	fmt.Fprintf(p.out, "  %-17s %s\n", "deadline", when(g.Deadline))
	p.marks(g.Labels, g.Digest)
	if g.Verdict == nil {
		return nil
	}
	fmt.Fprintln(p.out)
	if err := p.verdict(g.Verdict); err != nil || g.Contradiction == nil {
		return err
	}
	return p.contradiction(g.Contradiction)
}

// contradiction writes what came for a gate after it had passed.
func (p printer) contradiction(c *verifier.Contradiction) error {
	fmt.Fprintf(p.out, "\n%s  %s\n", p.paint("1;31", "CONTRADICTED"), oneLine(c.Message, 1000))
	fmt.Fprintf(p.out, "  %-17s %s; log position %d\n", "found", when(c.EvaluatedAt), c.AsOf)
	fmt.Fprintf(p.out, "  %-17s %s\n", "id", c.ID)
	if len(c.Alerts) == 0 {
		return nil
	}
	fmt.Fprintln(p.out)
	if err := p.alertTable(c.Alerts, false); err != nil {
		return err
	}
	if c.Truncated {
		fmt.Fprintf(p.out, "… the newest %d of %d\n", len(c.Alerts), c.AlertCount)
	}
	return nil
}

// marks writes the labels and the digest of a gate, if it has any.
func (p printer) marks(labels map[string]string, digest string) {
	if len(labels) > 0 {
		fmt.Fprintf(p.out, "  %-17s %s\n", "labels", oneLine(labelText(labels), 1000))
	}
	if digest != "" {
		fmt.Fprintf(p.out, "  %-17s %s\n", "digest", oneLine(digest, 200))
	}
}

// labelText writes labels in the order of their names.
func labelText(labels map[string]string) string {
	var parts []string
	for name, value := range labels {
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// gateScope says what a gate asks about, in the words of a verdict.
func gateScope(g *verifier.Gate) string {
	return scopeOf(&verifier.Verdict{
		Namespace: g.Namespace, Pod: g.Pod, Selector: g.Selector, Owner: g.Owner, Hash: g.Hash, VCluster: g.VCluster,
		Rule: g.Rule, Sensor: g.Sensor, Severity: g.Severity,
	})
}

func gateStart(g *verifier.Gate) string {
	if g.FirstPod {
		return "the first pod"
	}
	return when(g.Start)
}

func gateEnd(g *verifier.Gate) string {
	switch {
	case !g.ClosedAt.IsZero():
		return when(g.ClosedAt) + " (closed)"
	case !g.End.IsZero():
		return when(g.End)
	}
	return "when it is closed"
}

// gates writes a list: a table, one document, or a line for each gate.
func (p printer) gates(list *verifier.GateList) error {
	switch p.format {
	case "json":
		return p.json(list)
	case "jsonl":
		for i := range list.Gates {
			if err := p.json(&list.Gates[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list.Gates) == 0 {
		fmt.Fprintln(p.out, "no gates")
		return nil
	}
	rows := make([][]string, len(list.Gates))
	for i := range list.Gates {
		g := &list.Gates[i]
		verdict, alerts := "-", "-"
		if v := g.Verdict; v != nil {
			verdict, alerts = fmt.Sprintf("%s (%s)", v.Verdict, v.Reason), strconv.FormatUint(v.AlertCount, 10)
		}
		if g.Contradiction != nil {
			verdict += ", contradicted"
		}
		rows[i] = []string{
			oneLine(g.ID, 128), string(g.State), verdict, alerts, oneLine(g.Namespace, 63), when(g.OpenedAt), gateEnd(&g.Gate), orDash(oneLine(labelText(g.Labels), 100)),
		}
	}
	err := p.table("GATE\tSTATE\tVERDICT\tALERTS\tNAMESPACE\tOPENED\tWINDOW ENDS\tLABELS", rows)
	if err == nil && list.Truncated {
		fmt.Fprintf(p.out, "… %d of %d; --limit shows more\n", len(list.Gates), list.GateCount)
	}
	return err
}
