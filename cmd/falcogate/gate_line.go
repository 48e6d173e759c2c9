package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/falcogate/falcogate/verifier"
)

// gateLine writes how far a gate has come: on a terminal as one line that is written
// anew every second, else as a line for each change.
type gateLine struct {
	out  io.Writer
	id   string
	live bool
	now  func() time.Time

	mu   sync.Mutex
	last *verifier.GateProgress // nil before the first
	at   time.Time              // when it came, by our clock
	stop chan struct{}
	done sync.WaitGroup
}

func newGateLine(out io.Writer, id string, live bool) *gateLine {
	l := &gateLine{out: out, id: id, live: live, now: time.Now, stop: make(chan struct{})}
	if l.live {
		l.done.Go(l.tick)
	}
	return l
}

// tick counts the time down until the line ends.
func (l *gateLine) tick() {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			l.mu.Lock()
			l.write()
			l.mu.Unlock()
		case <-l.stop:
			return
		}
	}
}

// show writes news of the gate.
func (l *gateLine) show(p *verifier.GateProgress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.at = p, l.now()
	l.write()
}

// note writes a line of its own.
func (l *gateLine) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	fmt.Fprintf(l.out, "gate %s: %s\n", oneLine(l.id, 128), oneLine(text, 400))
	if l.live {
		l.write()
	}
}

// end takes the line away.
func (l *gateLine) end() {
	close(l.stop)
	l.done.Wait()
	l.clear()
}

// clear empties the line on a terminal. The code is that of ECMA-48.
func (l *gateLine) clear() {
	if l.live {
		fmt.Fprint(l.out, "\r\x1b[K")
	}
}

// write writes the line as it is now. The caller holds mu.
func (l *gateLine) write() {
	if l.last == nil {
		return
	}
	text := progressText(l.last, l.now().Sub(l.at))
	if !l.live {
		fmt.Fprintln(l.out, oneLine(text, 1000))
		return
	}
	l.clear()
	fmt.Fprint(l.out, oneLine(text, l.width()-2))
}

// width is how many characters the terminal has on a line.
func (l *gateLine) width() int {
	if f, ok := l.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 80
}

// passReasons are what a pass would rest on: nothing stands against one.
var passReasons = map[verifier.ReasonCode]bool{verifier.ReasonProven: true, verifier.ReasonHeard: true, verifier.ReasonTrustInSilence: true}

// progressText says how far a gate has come, some time after the server said so.
func progressText(p *verifier.GateProgress, later time.Duration) string {
	left := func(d verifier.Duration) string { return max(0, time.Duration(d)-later).Round(time.Second).String() }
	parts := []string{"until it is closed"}
	switch {
	case p.EndIn == nil:
		parts = append(parts, "deadline in "+left(p.DeadlineIn))
	case time.Duration(*p.EndIn) > later:
		parts = []string{left(*p.EndIn) + " left"}
	default:
		parts = []string{"window over", "deadline in " + left(p.DeadlineIn)}
	}
	alerts := fmt.Sprintf("%d alerts", p.AlertCount)
	if p.AlertCount == 1 {
		alerts = "1 alert"
	}
	sensors := fmt.Sprintf("%d of %d sensors proven", p.SensorsProven, p.SensorsNeeded)
	if !p.ProvenUntil.IsZero() {
		sensors += " until " + p.ProvenUntil.Local().Format("15:04:05")
	}
	text := fmt.Sprintf("gate %s: %s, %s, %s, %s", p.ID, p.State, strings.Join(parts, ", "), alerts, sensors)
	if !p.Pending && !passReasons[p.Reason] {
		text += fmt.Sprintf("; %s: %s", p.Reason, p.Message)
	}
	return text
}
