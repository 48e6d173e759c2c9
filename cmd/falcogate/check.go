package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

func newCheckCommand(environ []string, streams stdio) *cobra.Command {
	var (
		server  = serverOptions{attests: true, decides: true, environ: environ}
		q       client.Query
		policy  policyOptions
		excuses excuseOptions
		publish bool
		quiet   bool
	)
	cmd := &cobra.Command{
		Use:   "check -n NAMESPACE --since T",
		Short: "Ask for a verdict; the exit code is the answer",
		Long: `Ask whether Falco saw anything in a namespace since T.

A pass needs proof that reaches behind the window's end, which comes with Falco's next
metrics snapshots: the answer is held for --wait at most until it is there, and comes at
once when there is an alert, or when no proof can come any more.

Exit codes: 0 pass, 1 fail, 2 inconclusive or the server can't be asked, 3 wrong usage.`,
		Example: `  falcogate check -n shadow-checkout --since 10m
  falcogate check -n shadow-checkout --since 2026-11-23T06:26:40Z --severity critical --publish
  falcogate check -n shadow-checkout --pod 'checkout-7d9f*' --since 1h -o json
  falcogate check -n shadow-checkout --since "$CI_PIPELINE_CREATED_AT" -o junit >falcogate.xml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			out := streams.out
			if quiet {
				out = io.Discard
			}
			defer func() { err = server.accounted(out, askedAbout(q), err) }()
			if err := server.prepare(); err != nil {
				return err
			}
			switch {
			case q.Namespace == "":
				return usagef("--namespace is required: a gate is about one namespace")
			case q.Since == "" && q.Pod+q.Selector+q.Owner+q.Hash+q.VCluster == "":
				return usagef("--since is required: a gate has no default start, unless --pod, --selector, --owner or --hash name the pods whose start it is")
			}
			if server.predicate() != "" && !publish {
				return usagef("-o %s goes with --publish: what is attested is kept", server.output)
			}
			if err := checkScope(cmd, q); err != nil {
				return err
			}
			if err := policy.into(&q); err != nil {
				return err
			}
			if q.Excuses, err = excuses.excuses(); err != nil {
				return err
			}
			if q.AsOf > 0 && !cmd.Flags().Changed("wait") {
				q.Wait = 0 // such an answer does not change
			}
			server.timeout += q.Wait
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			v, err := c.Verdict(cmd.Context(), q, publish)
			if err != nil {
				return server.asked(err)
			}
			if err := server.writeVerdict(cmd.Context(), c, out, v); err != nil {
				return &exitError{code: server.unwritten(v.Verdict), err: err}
			}
			return verdictCode(v)
		},
	}
	flags := cmd.Flags()
	server.register(flags)
	registerScope(flags, &q)
	registerLimit(flags, &q)
	registerPods(flags, &q)
	policy.register(flags, true)
	excuses.register(flags)
	durationFlag(flags, &q.Wait, "wait", 30*time.Second, "how long to wait while the answer is pending; 0 asks once")
	flags.Uint64Var(&q.AsOf, "as-of", 0, "answer as of this `position` of the event log; 0 is its end")
	flags.BoolVar(&publish, "publish", false, "publish the verdict to NATS before answering")
	flags.BoolVarP(&quiet, "quiet", "q", false, "write nothing; the exit code is the answer")
	return cmd
}

// verdictCode turns a verdict into the exit code. What is neither a pass nor a
// fail is inconclusive.
func verdictCode(v *verifier.Verdict) error {
	switch v.Verdict {
	case verifier.Pass:
		return nil
	case verifier.Fail:
		return &exitError{code: exitFail}
	default:
		return &exitError{code: exitInconclusive}
	}
}
