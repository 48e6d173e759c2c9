package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/falcogate/falcogate/verifier"
)

// The elements of a JUnit report that GitLab and Jenkins read.
type (
	junitSuite struct {
		XMLName  xml.Name  `xml:"testsuite"`
		Name     string    `xml:"name,attr"`
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Errors   int       `xml:"errors,attr"`
		Time     string    `xml:"time,attr"`
		At       string    `xml:"timestamp,attr,omitempty"`
		Case     junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Out     junitText     `xml:"system-out"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// writeJUnit writes a test suite with one test, which has the same name in each run: it
// is passed for a pass alone. A fail is a failure of the test with its alerts, and an
// inconclusive an error of it with its reasons, since nothing was found out.
func writeJUnit(out io.Writer, r result) error {
	suite := junitSuite{Name: "falcogate", Tests: 1, Time: "0"}
	suite.Case = junitCase{Class: "falcogate", Name: xmlChars("Falco: " + r.about), Time: "0", Out: junitText{xmlChars(r.text())}}
	if v := r.verdict; v != nil {
		suite.Time = fmt.Sprintf("%.3f", v.Window.End.Sub(v.Window.Start).Seconds())
		suite.Case.Time = suite.Time
		suite.At = v.EvaluatedAt.UTC().Format("2006-01-02T15:04:05")
	}
	problem := &junitProblem{Message: xmlChars(r.message), Type: xmlChars(r.reason)}
	switch r.outcome {
	case verifier.Pass:
	case verifier.Fail:
		problem.Text = xmlChars(failText(r))
		suite.Failures, suite.Case.Failure = 1, problem
	default:
		problem.Text = xmlChars(reasonText(r))
		suite.Errors, suite.Case.Error = 1, problem
	}
	document, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s%s\n", xml.Header, document)
	return err
}

// failText is what failed: the reasons, then a paragraph for each alert.
func failText(r result) string {
	var b strings.Builder
	b.WriteString(reasonText(r))
	listed, count := r.alerts()
	for _, a := range listed {
		fmt.Fprintf(&b, "\n%s  %s\n  pod     %s\n  time    %s\n  output  %s\n", a.Priority, oneLine(a.Rule, 200),
			orDash(oneLine(a.Pod, 253)), a.Time.UTC().Format(time.RFC3339Nano), oneLine(alertText(&a), 2000))
	}
	if r.verdict.Truncated {
		fmt.Fprintf(&b, "\n… the newest %d of %d; --limit shows more\n", len(listed), count)
	}
	return b.String()
}

// reasonText is a line for each reason.
func reasonText(r result) string {
	var b strings.Builder
	for _, reason := range r.reasons() {
		fmt.Fprintf(&b, "%s: %s\n", reason.Reason, oneLine(reason.Message, 1000))
	}
	return b.String()
}

// xmlChars leaves out what XML 1.0 forbids, however it is written.
func xmlChars(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= ' ' && r <= '\ud7ff' || r >= '\ue000' && r <= '\ufffd' || r >= 0x10000 {
			return r
		}
		return -1
	}, s)
}
