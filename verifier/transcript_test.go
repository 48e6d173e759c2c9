package verifier

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
)

const transcriptDir = "testdata/transcripts"

// The ledger and the verdicts, told as transcripts: what a sensor sends, what that
// proves, and what a gate gets to hear. Rewrite the expectations with -update or
// -rewrite, and commit only a diff that you understand: the comment above each case
// says what is right and why.
func TestTranscripts(t *testing.T) {
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		require.NoError(t, flag.Set("rewrite", "true"))
	}
	datadriven.Walk(t, transcriptDir, func(t *testing.T, path string) {
		cases := map[string]*transcript{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			tr := cases[t.Name()]
			if tr == nil {
				tr = newTranscript()
				cases[t.Name()] = tr
			}
			out, err := tr.run(d)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return out
		})
	})
}

// run does what a directive says.
func (tr *transcript) run(d *datadriven.TestData) (string, error) {
	if d.Cmd == "log" {
		return tr.log(d.Input)
	}
	w := parseWords(d.FullCmd())
	var out string
	switch w.command {
	case "check":
		out = tr.check(w)
	case "ledger":
		out = tr.ledger(w)
	default:
		return "", fmt.Errorf("unknown directive %q", w.command)
	}
	return out, w.done()
}

// log appends what the lines say, and tells what each of them changed.
func (tr *transcript) log(input string) (string, error) {
	var b strings.Builder
	for text := range strings.Lines(input) {
		w := parseWords(text)
		if w.command == "" {
			continue
		}
		head := strings.Join(strings.Fields(text)[:min(3, len(strings.Fields(text)))], " ")
		before := tr.standing()
		tr.refused = nil
		if err := errors.Join(tr.line(w), w.done()); err != nil {
			return "", fmt.Errorf("%s: %w", strings.TrimSpace(text), err)
		}
		if changes := tr.changed(before); len(changes) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", head, strings.Join(changes, "; "))
		}
	}
	if b.Len() == 0 {
		return "nothing is proven by it", nil
	}
	return b.String(), nil
}

// check asks a question, and tells the verdict or why it is refused.
func (tr *transcript) check(w *words) string {
	var behind error
	if w.flag("behind") {
		behind = errors.New("the event log did not say where it ends")
	}
	whole := w.flag("json")
	ask, err := tr.question(w)
	if err != nil {
		return "refused: " + err.Error()
	}
	v, _, err := judge(tr.state, tr.position, &ask, behind)
	for untold := (*untoldError)(nil); errors.As(err, &untold); v, _, err = judge(tr.state, tr.position, &ask, behind) {
		for _, position := range untold.positions {
			ask.told[position] = tr.texts[position]
		}
	}
	if err != nil {
		w.errs = append(w.errs, err)
		return ""
	}
	data, encoding := json.Marshal(v, JSONOptions, jsontext.WithIndent("  "))
	w.errs = append(w.errs, encoding, SchemaError("verdict", data))
	if !whole {
		return verdictText(v, ask.placed)
	}
	return string(data)
}

// question reads one. It is asked when its window ends, or when the log does.
func (tr *transcript) question(w *words) (asked, error) {
	q := Question{Namespace: w.next("namespace")}
	q.Window.Start, q.Window.End = w.span(w.next("window"))
	c := &q.Change
	for name, into := range map[string]**time.Duration{"settling": &c.Settling, "skew": &c.ClockSkew} {
		var d time.Duration
		if optionOf(w, name, time.ParseDuration, &d) {
			*into = &d
		}
	}
	var ratio float64
	if optionOf(w, "ratio", parseShare, &ratio) {
		c.MaxKernelDropRatio = &ratio
	}
	var evidence, host string
	for name, into := range map[string]*string{
		"pod": &q.Pods.Name, "selector": &q.Pods.Selector, "owner": &q.Pods.Owner, "hash": &q.Pods.Hash, "vcluster": &q.Pods.VCluster, "rule": &q.Rule, "sensor": &q.Sensor, "evidence": &evidence, "host": &host,
	} {
		optionOf(w, name, parseText, into)
	}
	c.Evidence, c.HostAlerts = Evidence(evidence), HostAlerts(host)
	var sensors []string
	optionOf(w, "sensors", parseList, &sensors)
	optionOf(w, "require", parseList, &c.RequireRules)
	now := q.Window.End
	if !optionOf(w, "now", parseInstant, &now) && tr.logged.After(now) {
		now = tr.logged
	}
	if severity, ok := w.option("severity"); ok {
		var err error
		if q.Severity, err = correlate.ParsePriority(severity); err != nil {
			return asked{}, &FieldError{"severity", err.Error()}
		}
	}
	tr.excuses(w, &q.Excuses)
	placements := PlacementsAuto
	optionOf(w, "placements", ParsePlacements, &placements)
	return q.ask(now, DefaultPolicy(), sensors, placements)
}

// excuses reads those of a question.
func (tr *transcript) excuses(w *words, e *Excuses) {
	var ignore []string
	optionOf(w, "ignore", parseList, &ignore)
	for _, name := range ignore {
		i := Ignore{Rule: name, Reason: "known"}
		if tag, ok := strings.CutPrefix(name, "@"); ok {
			i = Ignore{Tag: tag, Reason: "known"}
		}
		e.Ignore = append(e.Ignore, i)
	}
	e.MaxAlerts = w.number("max")
	var b Baseline
	if optionOf(w, "baseline", parseText, &b.Namespace) {
		var lookback time.Duration
		optionOf(w, "lookback", time.ParseDuration, &lookback)
		optionOf(w, "basepod", parseText, &b.Pod)
		b.Lookback = Duration(lookback)
		e.Baseline = &b
	}
}

// Every case says what it shows, every kind of gap and every reason is shown, and
// none of it got lost in a rewrite.
func TestTranscriptsAreComplete(t *testing.T) {
	files, err := filepath.Glob(transcriptDir + "/*.txt")
	require.NoError(t, err)
	var outcomes strings.Builder
	cases := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		lines := strings.Split(string(data), "\n")
		for i, line := range lines {
			if name, ok := strings.CutPrefix(line, "subtest "); ok && name != "end" {
				cases++
				require.True(t, i > 0 && strings.HasPrefix(lines[i-1], "# "), "%s: %s: say what the case shows, and why the outcome is right", file, name)
			}
			if regexp.MustCompile(`^(pass|fail|inconclusive)\b`).MatchString(line) {
				outcomes.WriteString(line + "\n")
			}
		}
	}
	require.GreaterOrEqual(t, cases, 60)
	t.Logf("%d cases in %d files", cases, len(files))
	for _, code := range append(reasonCodes(t), kindsOfGaps()...) {
		require.Regexp(t, `\b`+code+`\b`, outcomes.String(), "no transcript shows it")
	}
}

func kindsOfGaps() (codes []string) {
	for _, kind := range correlate.GapKinds {
		codes = append(codes, string(kind))
	}
	return codes
}

// reasonCodes are those that the source declares, so that a new one needs a case.
func reasonCodes(t *testing.T) (codes []string) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "ReasonCode" {
				code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				codes = append(codes, code)
			}
		}
		return true
	})
	require.NotEmpty(t, codes)
	return codes
}
