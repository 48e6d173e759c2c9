package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier"
)

// explainTimeout is how long to wait for an explanation unless another time is
// given: the server reads its whole event log for it.
const explainTimeout = 10 * time.Minute

func newExplainCommand(environ []string, streams stdio) *cobra.Command {
	var server serverOptions
	cmd := &cobra.Command{
		Use:   "explain VERDICT-ID",
		Short: "Show what a published verdict rests on",
		Long: `Evaluate a published verdict again, at its position of the event log, and show for
each sensor the spans that are proven, the gaps, and the arithmetic behind them. It
says so when the log does not give the same verdict any more, byte for byte.

The server reads its event log anew for this, which takes a second for each hundred
thousand messages or so.

Exit codes: 0 the same verdict, 2 another one or the server can't be asked,
3 wrong usage.`,
		Example: `  falcogate explain a176d2de894d21995486f15cf0eb4b83`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			e, err := c.Explain(cmd.Context(), args[0])
			if err != nil {
				return server.asked(err)
			}
			if err := newPrinter(streams.out, server.output).explanation(e); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			if !e.Identical {
				return &exitError{code: exitInconclusive}
			}
			return nil
		},
	}
	server.register(cmd.Flags())
	setDefault(cmd.Flags(), "timeout", explainTimeout.String())
	return cmd
}

// explanation writes the verdict, whether it still comes out so, and the timeline
// of each sensor.
func (p printer) explanation(e *verifier.Explanation) error {
	if p.format != "text" {
		return p.json(e)
	}
	if err := p.verdict(e.Verdict); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	if e.Identical {
		fmt.Fprintf(p.out, "The event log up to position %d gives the same verdict, byte for byte.\n", e.Verdict.AsOf)
	} else {
		fmt.Fprintln(p.out, p.paint("1;33", "The event log does not give the same verdict any more."), oneLine(e.Note, 400))
		if e.Recomputed != nil {
			fmt.Fprintf(p.out, "Now it is %s (%s); what differs: %s.\n", e.Recomputed.Verdict, e.Recomputed.Reason, strings.Join(e.Differences, ", "))
		}
	}
	for i := range e.Sensors {
		if err := p.timeline(&e.Sensors[i]); err != nil {
			return err
		}
	}
	p.withheld(e.Withheld)
	if e.Omitted > 0 {
		fmt.Fprintf(p.out, "\n%d more sensors are not shown\n", e.Omitted)
	}
	return nil
}

// timeline writes what one sensor's ledger has.
func (p printer) timeline(t *verifier.SensorTimeline) error {
	state := p.paint("1;32", "proven")
	if !t.Proven {
		state = p.paint("1;33", "not proven")
	}
	fmt.Fprintf(p.out, "\n%s: %s\n", oneLine(t.Hostname, 253), state)
	for _, g := range t.Gaps {
		fmt.Fprintf(p.out, "  %-15s %s\n", g.Kind, oneLine(g.Message, 1000))
	}
	if len(t.Spans) == 0 {
		return nil
	}
	const layout = "15:04:05.000"
	rows := make([][]string, len(t.Spans))
	for i, s := range t.Spans {
		of := s.Of
		if s.Source != "" {
			of += " " + oneLine(s.Source, 40)
		}
		state := s.State
		if len(s.Flaws) > 0 {
			state = strings.Join(s.Flaws, ", ")
		}
		rows[i] = []string{"  " + of, s.Start.Local().Format(layout), s.End.Local().Format(layout), state, arithmetic(&s)}
	}
	return p.table("  SPAN OF\tFROM\tTO\tSTATE\tARITHMETIC", rows)
}

// arithmetic writes the figures of a span as a sum that can be checked.
func arithmetic(s *verifier.TimelineSpan) string {
	switch {
	case s.Count != nil:
		c := s.Count
		text := fmt.Sprintf("missing %d", c.Missing)
		if c.Raised != nil && c.Received != nil {
			text = fmt.Sprintf("raised %d, received %d, %s", *c.Raised, *c.Received, text)
		}
		if c.Surplus > 0 {
			text += fmt.Sprintf(", surplus %d", c.Surplus)
		}
		if c.QueueDrops > 0 {
			text += fmt.Sprintf(", thrown away by Falco %d", c.QueueDrops)
		}
		return text
	case s.Kernel != nil && s.State != "open":
		text := fmt.Sprintf("kernel drops %d", s.Kernel.Drops)
		if s.Kernel.Drops > 0 {
			text += fmt.Sprintf(" of %d events", s.Kernel.Events)
		}
		return text + fmt.Sprintf(", clock behind by %.3fs, %d rules", s.BehindSeconds, s.Rules)
	}
	return ""
}
