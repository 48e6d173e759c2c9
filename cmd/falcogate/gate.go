package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

func newGateCommand(environ []string, streams stdio) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gate",
		Short: "Open gates, which are decided by themselves, and follow them",
		Long: `A gate is a durable question: it gets exactly one verdict, whoever waits for it or not.
A fail comes with the first alert, a pass as soon as it is proven, an inconclusive at the
deadline. The verdict is published on falcogate.verdict.<namespace>.<verdict>.

watch, and open --wait, end with check's exit codes: 0 pass, 1 fail, 2 inconclusive,
cancelled, or the server can't be asked, 3 wrong usage. The other commands end with 0
when they did what they say, whatever the verdict.`,
		Example: `  falcogate gate open -n shadow-checkout --duration 10m --id deploy-7
  falcogate gate watch deploy-7`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("gate: want open, get, list, watch, close or cancel")
		},
	}
	cmd.AddCommand(
		newGateOpenCommand(environ, streams),
		newGateGetCommand(environ, streams),
		newGateListCommand(environ, streams),
		newGateWatchCommand(environ, streams),
		newGateCloseCommand(environ, streams),
		newGateCancelCommand(environ, streams),
	)
	return cmd
}

// aboutGate makes a command about the one gate that its argument names.
func aboutGate(environ []string, streams stdio, server *serverOptions, use, short, example string, do func(*cobra.Command, *client.Client, string) (*verifier.Gate, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: example,
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
			gate, err := do(cmd, c, args[0])
			if err != nil {
				return server.asked(err)
			}
			if err := server.writeGate(cmd.Context(), c, streams.out, gate); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	server.register(cmd.Flags())
	return cmd
}

func newGateGetCommand(environ []string, streams stdio) *cobra.Command {
	return aboutGate(environ, streams, &serverOptions{attests: true}, "get GATE", "Show a gate, and its verdict once it has one", "  falcogate gate get deploy-7 -o json",
		func(cmd *cobra.Command, c *client.Client, id string) (*verifier.Gate, error) {
			return c.Gate(cmd.Context(), id)
		})
}

func newGateCancelCommand(environ []string, streams stdio) *cobra.Command {
	return aboutGate(environ, streams, &serverOptions{}, "cancel GATE", "End a gate without a verdict", "  falcogate gate cancel deploy-7",
		func(cmd *cobra.Command, c *client.Client, id string) (*verifier.Gate, error) {
			return c.CancelGate(cmd.Context(), id)
		})
}

func newGateCloseCommand(environ []string, streams stdio) *cobra.Command {
	var q client.Query
	cmd := aboutGate(environ, streams, &serverOptions{}, "close GATE", "End a gate's window; its verdict comes once that can be given",
		"  falcogate gate close deploy-7\n  falcogate gate close deploy-7 --until 30s",
		func(cmd *cobra.Command, c *client.Client, id string) (*verifier.Gate, error) {
			if err := checkScope(cmd, q); err != nil {
				return nil, err
			}
			return c.CloseGate(cmd.Context(), id, q.Until)
		})
	cmd.Flags().StringVar(&q.Until, "until", "", "end of the window: `time` (RFC 3339, Unix) or how long ago (10m); now if not given")
	return cmd
}

func newGateListCommand(environ []string, streams stdio) *cobra.Command {
	var (
		server serverOptions
		filter verifier.GateFilter
		state  string
		labels []string
		limit  int
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List gates, those that were opened last first",
		Example: `  falcogate gate list -n shadow-checkout --state open
  falcogate gate list --label run=7 -o jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			if err := checkScope(cmd, client.Query{Limit: limit}); err != nil {
				return err
			}
			filter.State = verifier.GateState(state)
			if filter.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			list, err := c.Gates(cmd.Context(), filter, limit)
			if err != nil {
				return server.asked(err)
			}
			if err := newPrinter(streams.out, server.output).gates(list); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	server.register(flags)
	flags.StringVarP(&filter.Namespace, "namespace", "n", "", "gates of a `namespace`")
	flags.StringVar(&state, "state", "", "gates of a `state`: open, closed, decided, cancelled")
	flags.StringArrayVar(&labels, "label", nil, "gates with a label, `NAME=VALUE`; repeatable")
	flags.IntVar(&limit, "limit", 0, "gates to show at most; 0 is the server's default")
	return cmd
}

// parseLabels reads --label.
func parseLabels(pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	labels := map[string]string{}
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if _, twice := labels[name]; twice {
			return nil, usagef("--label names %q twice", name)
		}
		if !found || name == "" {
			return nil, usagef("--label %q: want NAME=VALUE", pair)
		}
		labels[name] = value
	}
	return labels, nil
}

// gateCode turns a gate that is over into the exit code.
func gateCode(gate *verifier.Gate) error {
	if gate.Verdict != nil {
		return verdictCode(gate.Verdict)
	}
	return &exitError{code: exitInconclusive, err: fmt.Errorf("gate %s is %s: it gets no verdict", gate.ID, gate.State)}
}
