package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// patience bounds each wait for a server. It is generous: machines are slow, and a
// wait that ends early costs nothing.
const patience = 90 * time.Second

// process is one life of a program. It ends with end, or by the kernel with the
// process that started it.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{}
}

// startProcess runs a program whose output is appended to the file logPath. It
// returns once the program runs, which does not mean that it serves.
func startProcess(name, path, dir, logPath string, args []string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()                  //nolint:errcheck // the process has a copy
	cmd := exec.Command(path, args...) //nolint:noctx // it outlives the start
	cmd.Dir = dir
	// A home of its own: no program reads the settings of whoever runs the tests.
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{name: name, cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread that started the process ends,
		// so this one is kept for as long as the process lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		cmd.Wait() //nolint:errcheck // it is read off ProcessState
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// hasExited tells whether the process is gone.
func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// waitUntil asks ready until it returns nil. It gives up when the process ends,
// with ctx, and after patience.
func (p *process) waitUntil(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ask(ctx, ready)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s ended (%s) before it was ready", p.name, p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w", p.name, ctx.Err(), err)
		}
	}
}

// ask bounds one question, so that one that gets lost costs little.
func (p *process) ask(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return ready(ctx)
}

// end asks the process to stop, kills it when it does not within grace, and waits
// for its exit. That it had ended by itself, or had to be killed, is an error.
func (p *process) end(grace time.Duration) error {
	if p.hasExited() {
		return fmt.Errorf("%s ended by itself (%s)", p.name, p.cmd.ProcessState)
	}
	err := errors.Join(p.signal(syscall.SIGTERM), p.signal(syscall.SIGCONT))
	select {
	case <-p.exited:
		return nil // err is that of a race with its exit
	case <-time.After(grace):
	}
	err = errors.Join(err, fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, grace), p.signal(syscall.SIGKILL))
	<-p.exited
	return err
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s: %s: %w", p.name, s, err)
	}
	return nil
}
