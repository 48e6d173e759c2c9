package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/falcogate/falcogate/verifier"
)

// printer writes answers for people, or for programs as JSON.
type printer struct {
	out    io.Writer
	format string // text, json or jsonl
	colour bool
}

func newPrinter(out io.Writer, format string) printer {
	return printer{out: out, format: format, colour: isTerminal(out)}
}

// json writes v as one JSON document: indented for json, on one line for jsonl.
func (p printer) json(v any) error {
	options := []json.Options{verifier.JSONOptions}
	if p.format == "json" {
		options = append(options, jsontext.Multiline(true), jsontext.WithIndent("  "))
	}
	data, err := json.Marshal(v, options...)
	if err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err = p.out.Write(append(data, '\n'))
	return err
}

// paint colours s on a terminal. The codes are those of ECMA-48.
func (p printer) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// table writes rows with aligned columns.
func (p printer) table(header string, rows [][]string) error {
	w := tabwriter.NewWriter(p.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// when writes a time for people: local, with its zone, to the millisecond.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05.000 MST")
}

// oneLine makes text safe for a line of a terminal: a process chooses part of an
// alert's text and must not move the cursor of who reads it. It is cut to most
// characters.
func oneLine(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == most {
			b.WriteString("…")
			break
		}
		n++
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\u202e' {
			r = '·'
		}
		b.WriteRune(r)
	}
	return b.String()
}
