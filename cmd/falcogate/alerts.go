package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

func newAlertsCommand(environ []string, streams stdio) *cobra.Command {
	var (
		server serverOptions
		q      client.Query
	)
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "List what Falco saw",
		Example: `  falcogate alerts -n shadow-checkout --since 1h
  falcogate alerts --since 1h --scope unattributed --severity debug -o jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			if err := checkScope(cmd, q); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			list, err := c.Alerts(cmd.Context(), q)
			if err != nil {
				return server.asked(err)
			}
			if err := newPrinter(streams.out, server.output).alerts(list); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	server.register(flags)
	registerScope(flags, &q)
	registerLimit(flags, &q)
	choiceFlag(flags, &q.Scope, "scope", "", "", []string{"all", "host", "unattributed"}, "which alerts, when no namespace is given")
	choiceFlag(flags, &q.Order, "order", "", client.OrderNewest, []string{client.OrderNewest, client.OrderOldest}, "which come first")
	flags.StringVar(&q.Cursor, "cursor", "", "`next_cursor` of the list to continue")
	return cmd
}

// alerts writes a list: a table, one document, or a line for each alert.
func (p printer) alerts(list *verifier.AlertList) error {
	switch p.format {
	case "json":
		return p.json(list)
	case "jsonl":
		for _, a := range list.Alerts {
			if err := p.json(a); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list.Alerts) > 0 {
		if err := p.alertTable(list.Alerts, list.Namespace == ""); err != nil {
			return err
		}
	}
	from := when(list.Window.Start)
	if list.Window.Start.Unix() == 0 {
		from = "the beginning" // no --since
	}
	fmt.Fprintf(p.out, "%d of %d alerts at %s or above, from %s to %s\n",
		len(list.Alerts), list.AlertCount, list.Severity, from, when(list.Window.End))
	if list.Truncated {
		fmt.Fprintf(p.out, "more: --cursor %s\n", list.NextCursor)
	}
	if !list.CaughtUp {
		fmt.Fprintln(p.out, "the index is behind the event log: alerts may be missing")
	}
	if !list.Floor.IsZero() && list.Window.Start.Before(list.Floor) {
		fmt.Fprintf(p.out, "alerts before %s are not kept any more\n", when(list.Floor))
	}
	return nil
}
