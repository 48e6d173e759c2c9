package verifier

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/falcogate/falcogate/correlate"
)

// The language of testdata/transcripts.
//
// A case is a subtest with an empty log. Times are distances from the epoch of the
// transcripts, such as 12s or 1m30s; [x] may be left out, x|y is one of both.
//
//	log
//	LINE…
//	----
//	what each line changed
//
// Each line of a log block is something that a Falco does. A sensor's times are by
// its own clock, and the log has its messages in the order of the lines.
//
//	sensor NAME [SETTING…]          a Falco that starts, before its first snapshot
//	set NAME SETTING…               it changes without a word
//	restart|reload NAME TIME [SETTING…]   a new run
//	reset NAME [alerts]             counters go back to zero, within the run
//	snap NAME TIME [source=S] [drops=N] [queue=N] [DELIVERY]
//	                                a snapshot; drops and queue are since the last
//	beats NAME,… FROM-TO [source=S] [busy=RULE] [drift=D] [watch=W,…] [DELIVERY]
//	                                a row of them, of several sensors in turn; busy: an
//	                                alert 50 ms before each; drift: D more ahead at each;
//	                                watch: and a mark of those watchers with each
//	alert NAME TIME RULE [PRIORITY] [ns=N|host|nons] [pod=P|nopod] [cmd=C] [file=F] [tags=A,B] [xN]
//	      [DELIVERY]
//	      [lost|uncounted|overtakes[=N]]
//	                                lost: it never arrives; uncounted: it was never
//	                                raised; overtakes: the next N snapshots do not
//	                                count it
//	drop NAME TIME [drops=N] [events=N]; timeout NAME TIME
//	malformed NAME|- TIME           a message that could not be read; - names no sensor
//	release NAME                    what was held arrives
//	floor TIME                      what is older is not kept any more
//	limits [retention=D] [sensors=N]   before all else
//
// What watchers of the Kubernetes API tell. All pods are of one cluster.
//
//	watcher NAME                    a watcher that starts, or starts anew
//	pod NAME TIME [POD SETTING…] [by=WATCHER|untold] [new] [lost]
//	                                a pod is there, or changes; a watcher tells, the
//	                                first unless by names one; new: the name is used
//	                                again; lost: what is told does not reach the log
//	list WATCHER TIME [begun|ended]   a mark, and all pods that are not gone; or all but
//	                                its end, or its end
//	watch WATCHER TIME|FROM-TO [every=D] [lost]
//	                                a mark each 5s that says that all was told up to the
//	                                one before
//
// DELIVERY is twice, held (until release) or logged=TIME. SETTINGs are every=D,
// ahead=D (of its clock), lag=D, hostname=H, sources=A,B, rules=A,B, files=VERSION,
// counters=all|total|no, kernel=all|nozero|no, run=yes|no, ruleset=yes|no.
//
// POD SETTINGs are on=NODE, ns=N (shadow-1 unless it is said), labels=A:B,C:D,
// owner=KIND/NAME, workload=KIND/NAME, containers=A,B, hostname=H (of the node's sensor),
// created=, scheduled=, started=, finished= TIME (no: not known; the first three are
// TIME for a pod with a node), linger=D, gone. Times are cut to whole seconds.
//
//	check NAMESPACE FROM-TO|-TO [severity= evidence= settling= skew= ratio= host= require=A,B
//	      pod= selector= owner= hash= vcluster= rule= sensor= sensors=A,B|none
//	      placements=required|ignored now=TIME behind json
//	      ignore=RULE|@TAG,… max=N baseline=NAMESPACE basepod=P lookback=D]
//	ledger NAME [FROM-TO]

// transcriptEpoch is what the times of transcripts count from.
var transcriptEpoch = time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)

// transcript is one case: a log as it grows, and the Falcos that write it.
type transcript struct {
	state    *correlate.State
	falcos   map[string]*falco
	position uint64
	logged   time.Time
	refused  error // why the state did not take the last record
	cluster  transcriptCluster
	texts    map[uint64]told // of alerts, by position
}

func newTranscript() *transcript {
	return &transcript{state: correlate.NewState(correlate.Limits{}, 0), falcos: map[string]*falco{}, texts: map[uint64]told{}}
}

// words are a line, split: a typo in one must not go unseen, so that whatever is
// not asked for is an error.
type words struct {
	command string
	plain   []string
	options map[string]string
	errs    []error
}

func parseWords(line string) *words {
	line, _, _ = strings.Cut(line, "#")
	fields := strings.Fields(line)
	w := &words{options: map[string]string{}}
	if len(fields) == 0 {
		return w
	}
	w.command = fields[0]
	for _, field := range fields[1:] {
		if name, value, ok := strings.Cut(field, "="); ok {
			w.options[name] = value
		} else {
			w.plain = append(w.plain, field)
		}
	}
	return w
}

// next is the next word that is no option.
func (w *words) next(what string) string {
	if len(w.plain) == 0 {
		w.errs = append(w.errs, fmt.Errorf("no %s", what))
		return ""
	}
	word := w.plain[0]
	w.plain = w.plain[1:]
	return word
}

// flag reports whether a word is there.
func (w *words) flag(word string) bool {
	i := slices.Index(w.plain, word)
	if i < 0 {
		return false
	}
	w.plain = slices.Delete(w.plain, i, i+1)
	return true
}

// option takes an option, and reports whether it is there.
func (w *words) option(name string) (string, bool) {
	value, ok := w.options[name]
	delete(w.options, name)
	return value, ok
}

// optionOf reads an option, when it is there.
func optionOf[T any](w *words, name string, parse func(string) (T, error), into *T) bool {
	text, ok := w.option(name)
	if !ok {
		return false
	}
	value, err := parse(text)
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("%s: %w", name, err))
		return false
	}
	*into = value
	return true
}

// number is an option that counts, 0 when it is not there.
func (w *words) number(name string) (n uint64) {
	optionOf(w, name, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }, &n)
	return n
}

// instant reads a time.
func (w *words) instant(text string) time.Time {
	at, err := parseInstant(text)
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return at
}

// span reads FROM-TO; the first may be left out.
func (w *words) span(text string) (from, to time.Time) {
	first, second, _ := strings.Cut(text, "-")
	if first != "" {
		from = w.instant(first)
	}
	return from, w.instant(second)
}

// done is the error of all that was wrong, or was not asked for.
func (w *words) done() error {
	for _, word := range append(w.plain, slices.Sorted(maps.Keys(w.options))...) {
		w.errs = append(w.errs, fmt.Errorf("unknown word %q", word))
	}
	return errors.Join(w.errs...)
}

func parseInstant(text string) (time.Time, error) {
	d, err := time.ParseDuration(text)
	return transcriptEpoch.Add(d), err
}

// parseList reads A,B; none is a list of nothing, and not no list.
func parseList(text string) ([]string, error) {
	if text == "none" {
		return []string{}, nil
	}
	return strings.Split(text, ","), nil
}

func parseShare(text string) (float64, error) { return strconv.ParseFloat(text, 64) }

func parseText(text string) (string, error) { return text, nil }

// parseOneOf reads one of a few words.
func parseOneOf(known ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(known, text) {
			return "", fmt.Errorf("want one of %q, have %q", known, text)
		}
		return text, nil
	}
}

func parseYes(text string) (bool, error) {
	word, err := parseOneOf("yes", "no")(text)
	return word == "yes", err
}

// settings applies a line's settings to a Falco.
func (w *words) settings(f *falco) {
	optionOf(w, "every", time.ParseDuration, &f.every)
	optionOf(w, "ahead", time.ParseDuration, &f.ahead)
	optionOf(w, "lag", time.ParseDuration, &f.lag)
	optionOf(w, "hostname", parseText, &f.hostname)
	optionOf(w, "sources", parseList, &f.sources)
	optionOf(w, "rules", parseList, &f.rules)
	optionOf(w, "files", parseText, &f.files)
	optionOf(w, "counters", parseOneOf("all", "total", "no"), &f.counters)
	optionOf(w, "kernel", parseOneOf("all", "nozero", "no"), &f.kernel)
	optionOf(w, "run", parseYes, &f.runKnown)
	optionOf(w, "ruleset", parseYes, &f.listed)
}
