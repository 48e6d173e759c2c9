package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/consumer/replay"
)

// replayOptions are all flags of replay.
type replayOptions struct {
	grpc, http  string
	tls         tlsFiles
	addressFile string
	play        replay.Options
	output      string
}

func newReplayCommand(environ []string, streams stdio) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay FILE (--grpc ADDRESS | --http URL)",
		Short: "Play a recording as Falco would",
		Long: `Play a recording of Falco's alerts: JSON lines as Falco writes them, plain or
gzip, or protojson of its gRPC output. FILE is - for standard input.

--grpc serves Falco's outputs service and waits for a subscriber; --http sends one
POST after the other as Falco's http_output does. --rebase shifts all times so that
a paced replay starts now and an unpaced one ends now.

--second-reader-takes gives alerts, by their number from 1 on, to another client of
the same gRPC output: Falco gives each alert to one client only, so whoever is
connected never sees them. --hostname plays the recording under another sensor's
name, so that one recording can play several sensors.`,
		Example: `  falcogate replay incident.jsonl.gz --http http://127.0.0.1:2801/ --rebase --as-fast-as-possible
  falcogate replay incident.jsonl --grpc unix:///tmp/falco.sock --as-fast-as-possible
  falcogate replay incident.jsonl --grpc unix:///tmp/falco.sock --second-reader-takes 3,7 --hostname node-b`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			if (o.grpc == "") == (o.http == "") {
				return usagef("want one of --grpc and --http")
			}
			if cmd.Flags().Changed("speed") && o.play.AsFastAsPossible {
				return usagef("--speed and --as-fast-as-possible exclude each other")
			}
			if o.play.Speed <= 0 {
				return usagef("--speed is %v, want more than 0", o.play.Speed)
			}
			if err := o.checkDivision(cmd.Flags().Changed("hostname")); err != nil {
				return err
			}
			if o.play.Rebase && o.play.Speed > 1 {
				fmt.Fprintln(streams.err, "note: with --rebase and --speed above 1, times run ahead of the clock; a verdict counts an alert once its time has come")
			}
			return o.run(cmd.Context(), args[0], streams)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.grpc, "grpc", "", "serve Falco's gRPC output at `unix:///path` or host:port")
	flags.StringVar(&o.http, "http", "", "POST to this `URL`, as Falco's http_output does")
	flags.StringVar(&o.tls.ca, "tls-ca", "", "CA `file`: of the clients with --grpc, of the server with --http")
	flags.StringVar(&o.tls.cert, "tls-cert", "", "own certificate `file`")
	flags.StringVar(&o.tls.key, "tls-key", "", "own key `file`")
	flags.StringVar(&o.addressFile, "address-file", "", "write the address that --grpc got to this `file`")
	flags.Float64Var(&o.play.Speed, "speed", 1, "how many times faster than it was")
	flags.BoolVar(&o.play.AsFastAsPossible, "as-fast-as-possible", false, "don't wait between messages")
	flags.BoolVar(&o.play.Rebase, "rebase", false, "shift all times to now")
	flags.IntSliceVar(&o.play.SecondReaderTakes, "second-reader-takes", nil, "with --grpc, give the alerts of these `numbers` to another client")
	flags.StringVar(&o.play.Hostname, "hostname", "", "play it as the sensor of this `name`")
	choiceFlag(flags, &o.output, "output", "o", "text", []string{"text", "json"}, "how to write the summary")
	return cmd
}

// checkDivision refuses flags about second readers and names that can't be right.
func (o *replayOptions) checkDivision(renamed bool) error {
	if len(o.play.SecondReaderTakes) > 0 && o.grpc == "" {
		return usagef("--second-reader-takes needs --grpc: only Falco's gRPC output gives an alert to one client alone")
	}
	for _, n := range o.play.SecondReaderTakes {
		if n < 1 {
			return usagef("--second-reader-takes is %d, want the numbers of alerts, from 1 on", n)
		}
	}
	if !renamed {
		return nil
	}
	if err := replay.CheckHostname(o.play.Hostname); err != nil {
		return usagef("--hostname: %w", err)
	}
	return nil
}

func (o *replayOptions) run(ctx context.Context, file string, streams stdio) error {
	recording, err := replay.Open(file)
	if err != nil {
		return &exitError{code: exitInconclusive, err: err}
	}
	defer func() { _ = recording.Close() }() // it was only read
	var target replayTarget
	if o.grpc != "" {
		target, err = o.serveGRPC()
	} else {
		target, err = o.postHTTP()
	}
	if err != nil {
		return usagef("%w", err)
	}
	o.play.Sink = target
	if isTerminal(streams.err) {
		o.play.Progress = progress(streams.err)
	}
	summary, err := replay.Play(ctx, recording, o.play)
	if err == nil || errors.Is(err, replay.ErrFewAlerts) { // all was sent
		err = errors.Join(err, target.finish(ctx))
	}
	err = errors.Join(err, target.close())
	if o.play.Progress != nil {
		fmt.Fprintln(streams.err)
	}
	if err := o.report(streams.out, summary); err != nil {
		return &exitError{code: exitInconclusive, err: err}
	}
	if err != nil {
		return &exitError{code: exitInconclusive, err: err}
	}
	return nil
}

// report writes what was sent, also when the replay broke off.
func (o *replayOptions) report(out io.Writer, s replay.Summary) error {
	if o.output == "json" {
		return json.NewEncoder(out).Encode(s)
	}
	taken := ""
	if s.Taken > 0 {
		taken = fmt.Sprintf(", %d more to the second reader", s.Taken)
	}
	_, err := fmt.Fprintf(out, "sent %d messages%s, from %s to %s, times shifted by %s\n", s.Sent, taken, when(s.First), when(s.Last), s.Shift)
	return err
}

// progress writes one line over and over, a few times a second.
func progress(w io.Writer) func(int, time.Time) {
	var last time.Time
	return func(sent int, t time.Time) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last = now
			fmt.Fprintf(w, "\r%d messages, at %s ", sent, when(t))
		}
	}
}
