package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
)

// durationValue is a flag that reads durations as Go writes them, plus d and w.
type durationValue time.Duration

func durationFlag(flags *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	flags.Var((*durationValue)(p), name, usage)
}

func (d *durationValue) Set(s string) error {
	v, err := parseDuration(s)
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("duration %s is negative", s)
	}
	*d = durationValue(v)
	return nil
}

func (d *durationValue) Type() string   { return "duration" }
func (d *durationValue) String() string { return time.Duration(*d).String() }

// bytesValue is a flag that reads sizes such as 512MiB or 10GB.
type bytesValue int64

func bytesFlag(flags *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	flags.Var((*bytesValue)(p), name, usage)
}

func (b *bytesValue) Set(s string) error {
	v, err := humanize.ParseBytes(s)
	if err != nil || v > 1<<62 {
		return fmt.Errorf("size %.40q: want a number with a unit, such as 512MiB", s)
	}
	*b = bytesValue(v)
	return nil
}

func (b *bytesValue) Type() string   { return "size" }
func (b *bytesValue) String() string { return strings.ReplaceAll(humanize.IBytes(uint64(*b)), " ", "") }

// choiceValue is a flag that takes one of a few words.
type choiceValue struct {
	p       *string
	choices []string
}

func choiceFlag(flags *pflag.FlagSet, p *string, name, short, value string, choices []string, usage string) {
	*p = value
	flags.VarP(&choiceValue{p, choices}, name, short, usage+": "+strings.Join(choices, ", "))
}

func (c *choiceValue) Set(s string) error {
	if !slices.Contains(c.choices, s) {
		return fmt.Errorf("have %.40q, want one of %s", s, strings.Join(c.choices, ", "))
	}
	*c.p = s
	return nil
}

func (c *choiceValue) Type() string   { return "word" }
func (c *choiceValue) String() string { return *c.p }

// setDefault gives a flag another default than it was registered with.
func setDefault(flags *pflag.FlagSet, name, value string) {
	f := flags.Lookup(name)
	if err := f.Value.Set(value); err != nil {
		panic(fmt.Sprintf("default of --%s: %v", name, err)) // a defect of the program
	}
	f.DefValue = f.Value.String()
}
