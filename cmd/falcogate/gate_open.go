package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier/client"
)

func newGateOpenCommand(environ []string, streams stdio) *cobra.Command {
	var (
		server   = serverOptions{attests: true, decides: true, environ: environ}
		q        client.GateQuery
		policy   policyOptions
		excuses  excuseOptions
		watch    watchOptions
		duration time.Duration
		labels   []string
		wait     bool
	)
	cmd := &cobra.Command{
		Use:   "open -n NAMESPACE",
		Short: "Open a gate; it is decided whether anybody waits or not",
		Long: `Open a gate: did Falco see anything in a namespace, in a window that may lie ahead?

The window begins now unless --since says otherwise, and ends after --duration, at
--until, or when the gate is closed. Who opens the same gate again under the same --id
gets the one that is there; with --id a pipeline may try again without harm.`,
		Example: `  falcogate gate open -n shadow-checkout --duration 10m --id deploy-7 --label run=7
  falcogate gate open -n shadow-checkout --duration 10m --wait
  falcogate gate open -n shadow-checkout -l app=checkout --first-pod --until 2026-11-23T07:00:00Z`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			defer func() { err = server.accounted(watch.out(streams), askedAbout(q.Query), err) }()
			if err := server.prepare(); err != nil {
				return err
			}
			switch {
			case q.Namespace == "":
				return usagef("--namespace is required: a gate is about one namespace")
			case q.Until != "" && cmd.Flags().Changed("duration"):
				return usagef("give --until or --duration, not both")
			}
			if server.predicate() != "" && !wait {
				return usagef("-o %s goes with --wait: a gate that was just opened has no verdict", server.output)
			}
			if server.reports() && !wait {
				return usagef("-o junit, -o github, -o aegis and --result-dir go with --wait: a gate that was just opened has no verdict")
			}
			if err := checkScope(cmd, q.Query); err != nil {
				return err
			}
			if err := policy.into(&q.Query); err != nil {
				return err
			}
			if q.Excuses, err = excuses.excuses(); err != nil {
				return err
			}
			if cmd.Flags().Changed("duration") {
				q.Duration = duration.String()
			}
			if q.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			gate, _, err := c.OpenGate(cmd.Context(), q)
			if err != nil {
				return server.asked(err)
			}
			if wait {
				return watch.run(cmd.Context(), &server, c, streams, gate.ID, true)
			}
			if watch.quiet {
				return nil
			}
			if err := newPrinter(streams.out, server.output).gate(gate); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	server.register(flags)
	registerScope(flags, &q.Query)
	registerPods(flags, &q.Query)
	flags.Lookup("since").Usage = "start of the window: `time` (RFC 3339, Unix) or how long ago (10m, 2d); now if not given"
	flags.Lookup("until").Usage = "end of the window, likewise, also ahead; without it and --duration the `time` at which the gate is closed"
	policy.register(flags, true)
	excuses.register(flags)
	flags.StringVar(&q.ID, "id", "", "`name` of the gate; made by the server if not given")
	durationFlag(flags, &duration, "duration", 0, "length of the window")
	flags.Lookup("duration").DefValue = ""
	flags.BoolVar(&q.FirstPod, "first-pod", false, "the window begins when the first pod that --selector and the like name was placed")
	flags.StringVar(&q.Deadline, "deadline", "", "`time` at which a gate that is not proven is inconclusive, or how long from now on (default 5m behind the window's end)")
	flags.StringArrayVar(&labels, "label", nil, "label that the verdict repeats, `NAME=VALUE`; repeatable")
	flags.StringVar(&q.Digest, "digest", "", "`digest` of what is being verified, such as sha256:…; the verdict repeats it")
	flags.BoolVar(&wait, "wait", false, "watch the gate; the exit code is its verdict")
	giveOnly(flags.Lookup("wait")) // FALCOGATE_WAIT is check's
	watch.register(flags)
	return cmd
}
