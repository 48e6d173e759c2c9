package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs" //nolint:depguard // as in codec.go
	"github.com/falcosecurity/client-go/pkg/api/version" //nolint:depguard // as in codec.go
	"google.golang.org/grpc"                             //nolint:depguard // as in codec.go
	"google.golang.org/grpc/mem"                         //nolint:depguard // as in codec.go
)

// falco is a process that plays Falco's gRPC server, as fast as it goes: to
// whoever subscribes and asks it sends n alerts, and ends when the subscriber asks
// no more. It is a process of its own because Falco is: what it allocates is not
// counted, and its memory does not keep our garbage collector busy.
type falco struct {
	target string
	n      int
	dir    string
	input  io.Closer // the process ends with it
	asked  *bufio.Reader
	cmd    *exec.Cmd
}

// falcoCommand, as the first argument, makes this program the other process.
const falcoCommand = "falco"

// startFalco starts the process and waits until it listens. Document is Falco's
// json_output, internal says whether its messages about itself are sent too.
func startFalco(ctx context.Context, n int, document, internal bool) (_ *falco, err error) {
	f := &falco{n: n}
	if f.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(f.dir))
		}
	}()
	socket := filepath.Join(f.dir, "falco.sock")
	f.target = "unix://" + socket
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f.cmd = exec.CommandContext(ctx, self, falcoCommand, "-socket", socket, "-n", strconv.Itoa(n),
		"-document="+strconv.FormatBool(document), "-internal="+strconv.FormatBool(internal))
	f.cmd.Stderr = os.Stderr
	if f.input, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.asked = bufio.NewReader(output)
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := f.said(); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// said is the next time that the process has told: that at which it began to
// listen, then for each subscriber that at which it was first asked.
func (f *falco) said() (time.Time, error) {
	line, err := f.asked.ReadString('\n')
	if err != nil {
		return time.Time{}, fmt.Errorf("the process that plays Falco: %w", err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return time.Unix(0, ns), err
}

func (f *falco) close() error {
	return errors.Join(f.input.Close(), f.cmd.Wait(), os.RemoveAll(f.dir))
}

// playFalco is the other process, with its arguments.
func playFalco(args []string) error {
	flags := flag.NewFlagSet(falcoCommand, flag.ContinueOnError)
	socket := flags.String("socket", "", "`path` to listen at")
	p := &player{at: distinct()}
	flags.IntVar(&p.n, "n", 0, "alerts to send to a subscriber")
	document := flags.Bool("document", false, "Falco's json_output")
	internal := flags.Bool("internal", false, "send messages about Falco itself too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	messages, err := recorded(*internal)
	if err != nil {
		return err
	}
	for _, m := range messages {
		wire := m.text
		if *document {
			wire = m.document
		}
		p.messages = append(p.messages, mem.SliceBuffer(wire))
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "unix", *socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(codec{}))
	outputs.RegisterServiceServer(s, p)
	version.RegisterServiceServer(s, falcoVersion{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		s.Stop()
	}()
	say()
	return s.Serve(listener)
}

func say() { fmt.Println(time.Now().UnixNano()) }

// player is Falco's outputs service.
type player struct {
	outputs.UnimplementedServiceServer
	n        int
	messages []mem.SliceBuffer // without their times
	at       func(i int) time.Time
}

// Sub is for gRPC.
func (p *player) Sub(stream outputs.Service_SubServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	say()
	for i := range p.n {
		m := frame{mem.SliceBuffer(wireTime(p.at(i))), p.messages[i%len(p.messages)]}
		if err := stream.SendMsg(m); err != nil {
			return err
		}
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// falcoVersion tells the version of the last Falco that has gRPC.
type falcoVersion struct {
	version.UnimplementedServiceServer
}

// Version is for gRPC.
func (falcoVersion) Version(context.Context, *version.Request) (*version.Response, error) {
	return &version.Response{Version: "0.43.1", Minor: 43, Patch: 1}, nil
}
