package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// inside marks the process that runs in the namespace.
const inside = "FALCOGATE_TEST_NETNS"

// RunTests runs the test binary again in a new network namespace, where loopback has
// the networks too, such as 10.200.0.0/16: each of their addresses can be listened
// on. There it calls run, and returns its exit code. Outside it calls nothing and
// returns the exit code of the process inside, which dies with this one.
func RunTests(_ *testing.M, networks []string, run func() (exitCode int)) (exitCode int) {
	if os.Getenv(inside) == "" {
		return reExecute()
	}
	if err := configureLoopback(networks); err != nil {
		fmt.Fprintln(os.Stderr, "network namespace:", err)
		return 1
	}
	return run()
}

func reExecute() (exitCode int) {
	// The process inside dies with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "network namespace:", err)
		return 1
	}
	cmd := exec.Command(self, os.Args[1:]...) //nolint:noctx // it ends with the tests
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	default:
		fmt.Fprintln(os.Stderr, "network namespace: the tests in it:", err)
		return 1
	}
}

// configureLoopback brings loopback up and makes the networks local to it.
func configureLoopback(networks []string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	for _, network := range networks {
		_, prefix, err := net.ParseCIDR(network)
		if err != nil {
			return err
		}
		err = netlink.RouteAdd(&netlink.Route{
			LinkIndex: lo.Attrs().Index, Dst: prefix, Table: syscall.RT_TABLE_LOCAL,
			Type: syscall.RTN_LOCAL, Scope: netlink.SCOPE_HOST,
		})
		if err != nil {
			return fmt.Errorf("lo: route to %s: %w", network, err)
		}
	}
	return nil
}
