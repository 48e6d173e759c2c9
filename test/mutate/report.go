package main

import (
	"fmt"
	"strings"
)

// report is what is known of the mutants so far, in Markdown. It holds no time and
// no path of the machine, so that two runs can be compared line by line.
func (c *campaign) report() string {
	var b strings.Builder
	b.WriteString("# Mutants\n\n" +
		"Each mutant is a source file with one condition disabled, one operator changed or\n" +
		"one step left out. It is killed when a test fails on it, and has survived when none\n" +
		"does. Equivalent ones were not run; those that don't compile say nothing. Neither\n" +
		"counts as a mutant.\n\n")
	if chosen := len(c.mutants); chosen < c.made {
		fmt.Fprintf(&b, "Chosen: %d of %d mutants.\n\n", chosen, c.made)
	}
	if n := c.count(nil, notRun); n > 0 {
		fmt.Fprintf(&b, "The run did not reach its end. Not run: %d.\n\n", n)
	}
	b.WriteString("| file | mutants | killed | survived | equivalent | not compiling |\n" +
		"| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, s := range c.sources {
		c.row(&b, "`"+s.name+"`", s)
	}
	if len(c.sources) > 1 {
		c.row(&b, "all", nil)
	}
	c.section(&b, "Survivors", survived)
	c.section(&b, "Equivalent", equivalent)
	c.section(&b, "Not compiling", notCompiling)
	return b.String()
}

// row writes the numbers of a source; of all when it is nil.
func (c *campaign) row(b *strings.Builder, name string, s *source) {
	dead, alive := c.count(s, killed), c.count(s, survived)
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d |\n",
		name, dead+alive+c.count(s, notRun), dead, alive, c.count(s, equivalent), c.count(s, notCompiling))
}

// section lists the mutants with the fate, if there are any. Survivors are listed
// even then: that there are none is what one looks for.
func (c *campaign) section(b *strings.Builder, title string, f fate) {
	if c.count(nil, f) == 0 {
		if f == survived {
			fmt.Fprintf(b, "\n## %s\n\nNone.\n", title)
		}
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, m := range c.mutants {
		if m.fate != f {
			continue
		}
		fmt.Fprintf(b, "- %s: %s → %s", m.place(), code(m.was), code(m.now))
		if m.why != "" {
			b.WriteString(" — " + m.why)
		}
		b.WriteString("\n")
	}
}

// code writes a text as code, which may hold backticks itself.
func code(text string) string {
	if text == nothing {
		return "nothing"
	}
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
