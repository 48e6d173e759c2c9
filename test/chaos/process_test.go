package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// process is a program that can be killed, stopped and started again, as the same.
type process struct {
	name, program string
	args, environ []string
	log           string // file that all its runs write to

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{}
	stopped bool
}

func newProcess(dir, name, program string, environ []string, args ...string) *process {
	return &process{name: name, program: program, args: args, environ: environ, log: filepath.Join(dir, name+".log")}
}

// start runs it, unless it runs.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return nil
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(p.program, p.args...)
	cmd.Env = append(os.Environ(), p.environ...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.cmd, p.exited, p.stopped = cmd, exited, false
	go func() {
		_ = cmd.Wait() // its state says how
		close(exited)
	}()
	return nil
}

// kill ends it at once.
func (p *process) kill() error { return p.end(syscall.SIGKILL) }

// end ends it by a signal, and waits until it is gone.
func (p *process) end(signal syscall.Signal) error {
	p.mu.Lock()
	cmd, exited := p.cmd, p.exited
	p.cmd = nil
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	err := cmd.Process.Signal(signal)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-exited
	if err != nil {
		return p.byItself(cmd)
	}
	return nil
}

// pause stops it, as a machine does that hangs; resume lets it go on.
func (p *process) pause() error  { return p.signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.signal(syscall.SIGCONT) } // see pause

func (p *process) signal(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	err := p.cmd.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		<-p.exited
		return p.byItself(p.cmd)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// crashed says that it has ended by itself, which nothing here may do.
func (p *process) crashed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	select {
	case <-p.exited:
		return p.byItself(p.cmd)
	default:
		return nil
	}
}

// byItself tells of an end that nobody here has made.
func (p *process) byItself(cmd *exec.Cmd) error {
	return fmt.Errorf("%s has ended by itself: %v\n%s", p.name, cmd.ProcessState, p.tail(40))
}

// tail is the end of its log.
func (p *process) tail(lines int) string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
