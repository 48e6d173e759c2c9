package main

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/verifier"
)

func newSensorsCommand(environ []string, streams stdio) *cobra.Command {
	var server serverOptions
	cmd := &cobra.Command{
		Use:   "sensors",
		Short: "List the Falcos that were heard",
		Example: `  falcogate sensors
  falcogate sensors -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			c, closeIdle, err := server.client()
			if err != nil {
				return err
			}
			defer closeIdle()
			list, err := c.Sensors(cmd.Context())
			if err != nil {
				return server.asked(err)
			}
			if err := newPrinter(streams.out, server.output).sensors(list); err != nil {
				return &exitError{code: exitInconclusive, err: err}
			}
			return nil
		},
	}
	server.register(cmd.Flags())
	return cmd
}

// sensors writes the list: a table, one document, or a line for each sensor.
func (p printer) sensors(list *verifier.SensorList) error {
	switch p.format {
	case "json":
		return p.json(list)
	case "jsonl":
		for _, s := range list.Sensors {
			if err := p.json(s); err != nil {
				return err
			}
		}
		return nil
	}
	if list.Unnamed > 0 {
		defer fmt.Fprintf(p.out, "%d messages did not say which sensor they came from\n", list.Unnamed)
	}
	if len(list.Sensors) == 0 {
		fmt.Fprintln(p.out, "no Falco was heard yet")
		return nil
	}
	rows := make([][]string, len(list.Sensors))
	for i, s := range list.Sensors {
		interval := "-"
		if seconds := cmp.Or(s.UsualIntervalSeconds, s.SnapshotIntervalSeconds); seconds > 0 {
			interval = strconv.FormatFloat(seconds, 'f', 1, 64) + "s"
		}
		rows[i] = []string{
			oneLine(s.Hostname, 253), orDash(oneLine(s.Version, 40)), when(latest(s.Started, s.Reloaded)), interval, when(s.LastSnapshot),
			when(s.Watermark), strconv.FormatUint(s.Alerts, 10), number(s.MatchesTotal), offset(s.Offset), number(s.QueueDrops), number(s.KernelDrops),
			strconv.FormatUint(s.Malformed, 10),
		}
	}
	err := p.table("SENSOR\tFALCO\tRUN SINCE\tINTERVAL\tLAST SNAPSHOT\tPROVEN UNTIL\tALERTS\tRAISED\tOFFSET\tQUEUE DROPS\tKERNEL DROPS\tMALFORMED", rows)
	if err == nil && list.Refused > 0 {
		fmt.Fprintf(p.out, "%d messages came from further sensors than are kept\n", list.Refused)
	}
	return err
}

// latest is the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// offset writes o = R - M, or a dash when it is not known.
func offset(o *int64) string {
	if o == nil {
		return "-"
	}
	return strconv.FormatInt(*o, 10)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// number writes a counter, or a dash when the sensor does not report it.
func number(n *uint64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatUint(*n, 10)
}
