// Command bench prints the table of docs/benchmarks.md. Each figure stands beside
// another that was measured in the same run, one after the other and in turns, so
// that the ratio holds on a machine that is slow or busy. It is a module of its own
// because of what it compares with. Run it in its folder: it reads the recordings
// of the consumer's tests.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	floor := make([]byte, 64<<20) // of the heap, as the daemon has it
	defer runtime.KeepAlive(floor)
	if len(os.Args) > 1 && os.Args[1] == falcoCommand {
		exitWith(playFalco(os.Args[2:]))
		return
	}
	only := flag.String("only", "", "run the rows whose name holds this `text`")
	large := flag.Bool("large", true, "include the index of 10M alerts (1.5 GB of memory)")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the rows that run to this `file`")
	flag.Parse()
	exitWith(profiled(*profile, func() error { return run(*only, *large) }))
}

func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profiled runs f, with a CPU profile unless file is empty.
func profiled(file string, f func() error) (err error) {
	if file == "" {
		return f()
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

// rows are all comparisons, in the order of the table.
func rows(large bool) []comparison {
	var all []comparison
	all = append(all, transportRows()...)
	all = append(all, logRows()...)
	all = append(all, proofRows()...)
	all = append(all, gateRows()...)
	return append(all, indexRows(large)...)
}

func run(only string, large bool) error {
	begin := time.Now()
	fmt.Printf("%s, %s/%s, %d cores, medians of several rounds measured in turns\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', 0)
	header(w)
	missed, ran := 0, 0
	for _, c := range rows(large) {
		if !strings.Contains(c.name, only) {
			continue
		}
		ran++
		ok, err := row(w, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if !ok {
			missed++
		}
	}
	if ran == 0 {
		return fmt.Errorf("no row's name holds %q", only)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("\n%d rows in %s, %d goals missed\n", ran, time.Since(begin).Round(time.Second), missed)
	return nil
}

func header(w io.Writer) {
	fmt.Fprintln(w, "| what\t| ours\t| against\t| ratio\t| goal\t|  \t|")
	fmt.Fprintln(w, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
}

// row measures c and writes its row. It reports whether the goal was met.
func row(w io.Writer, c comparison) (bool, error) {
	fmt.Fprintf(os.Stderr, "%s …\n", c.name)
	begin := time.Now()
	f, err := c.measure(context.Background())
	if err != nil {
		return false, err
	}
	ok, verdict := true, "met"
	if c.met == nil {
		verdict = "–"
	} else if ok = c.met(f); !ok {
		verdict = "MISSED"
	}
	name := c.name
	if f.note != "" {
		name += " (" + f.note + ")"
	}
	fmt.Fprintf(w, "| %s\t| %s: %s\t| %s: %s\t| %s\t| %s\t| %s\t|\n",
		name, c.ours, figure(f.ours, c.unit), c.other, figure(f.other, c.unit), ratioText(f.ratio()), c.goal, verdict)
	fmt.Fprintf(os.Stderr, "  %s: %s, in %s\n", verdict, ratioText(f.ratio()), time.Since(begin).Round(time.Second/10))
	return ok, nil
}
