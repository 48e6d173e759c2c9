package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to stop before it is killed.
const stopGrace = 30 * time.Second

// server is a program that can be started, stopped, and started again on the same
// data and port. All methods may be called concurrently.
type server struct {
	name  string
	path  string
	dir   string
	args  []string
	ready func(context.Context) error

	mu      sync.Mutex
	process *process // nil while it is stopped
}

// start runs the server and waits until it is ready. One that does not get there is
// stopped again, and the error has the end of its log.
func (s *server) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return fmt.Errorf("%s already runs: stop it first", s.name)
	}
	p, err := startProcess(s.name, s.path, s.dir, s.logPath(), s.args)
	if err != nil {
		return err
	}
	if err := p.waitUntil(ctx, s.ready); err != nil {
		if !p.hasExited() {
			_ = p.end(0) // why it is ended counts, not how
		}
		return fmt.Errorf("%w\n%s", err, s.logTail())
	}
	s.process = p
	return nil
}

// stop ends the server and waits for its exit. A stopped server stays so.
func (s *server) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	err := s.process.end(stopGrace)
	s.process = nil
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.logTail())
	}
	return nil
}

// pause freezes the server: it takes connections, as the kernel does that for it,
// and answers nothing. It returns once every thread is frozen.
func (s *server) pause(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("%s is stopped: it can't be paused", s.name)
	}
	if err := s.process.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return s.process.waitUntil(ctx, func(context.Context) error { return s.process.wantFrozen() })
}

// resume lets a paused server go on.
func (s *server) resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("%s is stopped: start it", s.name)
	}
	if err := s.process.signal(syscall.SIGCONT); err != nil {
		return err
	}
	return s.process.waitUntil(ctx, s.ready)
}

// wantFrozen is nil when every thread of the process is stopped by a signal.
func (p *process) wantFrozen() error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	if err != nil {
		return err
	}
	if len(threads) == 0 {
		return fmt.Errorf("%s has no threads: it has ended", p.name)
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		// The state follows the name, which stands in parentheses.
		if _, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')'):], []byte(" ")); !bytes.HasPrefix(state, []byte("T")) {
			return fmt.Errorf("%s: thread %s is in state %.1s, not stopped", p.name, filepath.Dir(thread), state)
		}
	}
	return nil
}

func (s *server) logPath() string { return filepath.Join(s.dir, s.name+".log") }

// logTail is the end of what the server has written, under a line with its name.
func (s *server) logTail() string {
	const most = 40
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return fmt.Sprintf("== %s: no log: %v", s.name, err)
	}
	lines := slices.Collect(bytes.Lines(text))
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return fmt.Sprintf("== %s, the end of %s\n%s", s.name, s.logPath(), bytes.Join(lines, nil))
}
