package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/client"
)

// watchOptions say how a gate is followed.
type watchOptions struct {
	reconnect time.Duration
	quiet     bool
}

func (o *watchOptions) register(flags *pflag.FlagSet) {
	durationFlag(flags, &o.reconnect, "reconnect", 5*time.Minute, "how long to try again after the connection was lost")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "write nothing; the exit code is the answer")
}

// out is where the answer goes.
func (o *watchOptions) out(streams stdio) io.Writer {
	if o.quiet {
		return io.Discard
	}
	return streams.out
}

func newGateWatchCommand(environ []string, streams stdio) *cobra.Command {
	server := serverOptions{attests: true, decides: true, environ: environ}
	var watch watchOptions
	cmd := &cobra.Command{
		Use:   "watch GATE",
		Short: "Follow a gate to its verdict; the exit code is the answer",
		Example: `  falcogate gate watch deploy-7
  falcogate gate watch deploy-7 -o junit >falcogate.xml`,
		Long: `Follow a gate to its end. How far it has come is written to the standard error: one
line that goes on on a terminal, else a line for each change. The verdict is written to
the standard output. A connection that is lost is made again.

Exit codes: 0 pass, 1 fail, 2 inconclusive, cancelled, or the server can't be asked,
3 wrong usage.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			defer func() { err = server.accounted(watch.out(streams), "gate "+args[0], err) }()
			if err := server.prepare(); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			return watch.run(cmd.Context(), &server, c, streams, args[0], false)
		},
	}
	server.register(cmd.Flags())
	watch.register(cmd.Flags())
	return cmd
}

// run follows a gate, writes its verdict, and returns the exit code. Connected says that
// the server has answered before.
func (o *watchOptions) run(ctx context.Context, server *serverOptions, c *client.Client, streams stdio, id string, connected bool) error {
	out, progress := o.out(streams), streams.err
	if o.quiet {
		progress = io.Discard
	}
	line := newGateLine(progress, id, isTerminal(progress))
	gate, err := o.follow(ctx, c, id, connected, line)
	line.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{code: exitInconclusive, err: fmt.Errorf("interrupted; the gate goes on, and falcogate gate watch %s follows it again", id)}
	case err != nil:
		return server.asked(err)
	}
	if gate.Verdict == nil {
		if err := server.writeGate(ctx, c, out, gate); err != nil {
			return &exitError{code: exitInconclusive, err: err}
		}
	} else if err := server.writeVerdict(ctx, c, out, gate.Verdict); err != nil {
		return &exitError{code: server.unwritten(gate.Verdict.Verdict), err: err}
	}
	return gateCode(gate)
}

// follow returns the gate at its end.
func (o *watchOptions) follow(ctx context.Context, c *client.Client, id string, connected bool, line *gateLine) (gate *verifier.Gate, err error) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 5*time.Second
	var lost time.Time // since when; zero while the connection is there
	for {
		err := c.FollowGate(ctx, id, func(e verifier.GateEvent) error {
			connected, lost = true, time.Time{}
			wait.Reset()
			gate = e.Gate
			if e.Progress != nil {
				line.show(e.Progress)
			}
			return nil
		})
		switch {
		case err == nil:
			return gate, nil
		case ctx.Err() != nil, !connected, !passing(err):
			return nil, err
		}
		if lost.IsZero() {
			lost = time.Now()
			line.note(fmt.Sprintf("the connection was lost, trying again (%v)", err))
		}
		if time.Since(lost) >= o.reconnect {
			return nil, fmt.Errorf("not reached for %s: %w", time.Since(lost).Round(time.Second), err)
		}
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// passing reports whether another try may go better.
func passing(err error) bool {
	var refused *client.ProblemError
	if !errors.As(err, &refused) {
		return true
	}
	return refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests
}
