package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/falcogate/falcogate/consumer/falcoconfig"
)

// maxFalcoConfig bounds what is read of a Falco configuration. The one that
// Falco ships has 60 kB.
const maxFalcoConfig = 4 << 20

func newDoctorCommand(environ []string, streams stdio) *cobra.Command {
	var (
		server      serverOptions
		falcoConfig string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what the proof of silence lacks, and which setting of Falco gives it",
		Long: `Ask falcogate what each sensor lacks for proof: from what it sends and from the gaps
of the last hour. For each finding it says which setting of Falco mends it.

With --falco-config check a falco.yaml, or the values of Falco's Helm chart, before it
is rolled out; no server is asked then. One file is seen: not what its config_files
add, nor Falco's command line or environment.

Exit codes: 0 nothing or only warnings, 2 errors or nothing could be found out,
3 wrong usage.`,
		Example: `  falcogate doctor
  falcogate doctor --falco-config /etc/falco/falco.yaml
  helm get values falco -n falco --all -o yaml | falcogate doctor --falco-config -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := configure(cmd, environ, ""); err != nil {
				return err
			}
			if f := cmd.Flags().Lookup("falco-config"); f.Changed && falcoConfig == "" {
				return usagef("--falco-config is empty: name a file, - for standard input, or leave it out to ask the server")
			}
			out := newPrinter(streams.out, server.output)
			errors, err := 0, error(nil)
			if falcoConfig != "" {
				errors, err = checkConfig(out, falcoConfig, streams.in)
			} else {
				errors, err = examine(cmd, out, &server)
			}
			switch {
			case err != nil:
				return err
			case errors > 0:
				return &exitError{code: exitInconclusive}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	server.register(flags)
	flags.StringVar(&falcoConfig, "falco-config", "", "`file` to check instead: falco.yaml or chart values; - for standard input")
	return cmd
}

// checkConfig checks a configuration of Falco and returns how many errors it has.
func checkConfig(out printer, path string, stdin io.Reader) (int, error) {
	d, err := diagnoseConfig(path, stdin)
	if err != nil {
		return 0, &exitError{code: exitInconclusive, err: err}
	}
	if err := out.configDiagnosis(d); err != nil {
		return 0, &exitError{code: exitInconclusive, err: err}
	}
	return d.Errors, nil
}

// examine asks the server what the sensors lack, and returns how many errors
// there are.
func examine(cmd *cobra.Command, out printer, server *serverOptions) (int, error) {
	c, closeIdle, err := server.client()
	if err != nil {
		return 0, err
	}
	defer closeIdle()
	d, err := c.Diagnose(cmd.Context())
	if err != nil {
		return 0, server.asked(err)
	}
	if err := out.diagnosis(d); err != nil {
		return 0, &exitError{code: exitInconclusive, err: err}
	}
	return d.Errors, nil
}

// configDiagnosis is what was found in one configuration of Falco.
type configDiagnosis struct {
	File     string                `json:"file"`
	Shape    falcoconfig.Shape     `json:"shape"`
	Errors   int                   `json:"errors"`
	Warnings int                   `json:"warnings"`
	Findings []falcoconfig.Finding `json:"findings"`
}

// diagnoseConfig checks a configuration of Falco.
func diagnoseConfig(path string, stdin io.Reader) (*configDiagnosis, error) {
	name, in := path, stdin
	if path == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--falco-config: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFalcoConfig+1))
	if err != nil {
		return nil, fmt.Errorf("--falco-config %s: %w", name, err)
	}
	if len(data) > maxFalcoConfig {
		return nil, fmt.Errorf("--falco-config %s: have more than %d MiB, want a falco.yaml or chart values", name, maxFalcoConfig>>20)
	}
	report, err := falcoconfig.Check(data)
	if err != nil {
		return nil, fmt.Errorf("--falco-config %s: %w", name, err)
	}
	return &configDiagnosis{
		File: name, Shape: report.Shape, Findings: report.Findings,
		Errors:   falcoconfig.Count(report.Findings, falcoconfig.SeverityError),
		Warnings: falcoconfig.Count(report.Findings, falcoconfig.SeverityWarning),
	}, nil
}

// configDiagnosis writes what was found: as text, as one document, or a line for each
// finding.
func (p printer) configDiagnosis(d *configDiagnosis) error {
	switch p.format {
	case "json":
		return p.json(d)
	case "jsonl":
		for _, f := range d.Findings {
			if err := p.json(f); err != nil {
				return err
			}
		}
		return nil
	}
	p.findings(d.Findings)
	subject := oneLine(d.File, 200)
	if string(d.Shape) != d.File {
		subject += ", read as " + string(d.Shape)
	}
	var err error
	switch {
	case len(d.Findings) == 0:
		_, err = fmt.Fprintf(p.out, "%s: the configuration gives all that the proof needs\n", subject)
	case d.Errors == 0:
		_, err = fmt.Fprintf(p.out, "%s: %s, and nothing that rules the proof out\n", subject, counted(d.Warnings, "warning"))
	default:
		_, err = fmt.Fprintf(p.out, "%s: %s, %s; until the errors are gone alerts are lost or silence is never proven\n",
			subject, counted(d.Errors, "error"), counted(d.Warnings, "warning"))
	}
	return err
}

// findings writes a block for each finding. Wanted YAML of several lines stays
// as it is to be pasted.
func (p printer) findings(list []falcoconfig.Finding) {
	colours := map[falcoconfig.Severity]string{falcoconfig.SeverityError: "1;31", falcoconfig.SeverityWarning: "1;33"}
	for _, f := range list {
		where := oneLine(f.Setting, 200)
		if f.Line > 0 {
			where += fmt.Sprintf(" (line %d)", f.Line)
		}
		fmt.Fprintf(p.out, "%s  %s\n", p.paint(colours[f.Severity], fmt.Sprintf("%-7s", strings.ToUpper(string(f.Severity)))), where)
		fmt.Fprintf(p.out, "  now    %s\n", oneLine(f.Now, 200))
		for i, line := range strings.Split(f.Want, "\n") {
			label := "want"
			if i > 0 {
				label = ""
			}
			fmt.Fprintf(p.out, "  %-4s   %s\n", label, oneLine(line, 400))
		}
		fmt.Fprintf(p.out, "  why    %s\n\n", oneLine(f.Why, 1000))
	}
}

// counted writes a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
