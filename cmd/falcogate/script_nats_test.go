package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/falcogate/falcogate/verifier/natsapi"
)

// scriptAsks sends a request over NATS once somebody answers there, wants a status, and
// keeps the answer. DENIED is the status of a request that the server does not take.
func scriptAsks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: asks STATUS URL SUBJECT PAYLOAD FILE")
	}
	denied := make(chan error, 1)
	nc, err := nats.Connect(args[1], nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		select {
		case denied <- err:
		default:
		}
	}))
	ts.Check(err)
	defer nc.Close()
	var answer *nats.Msg
	ts.Check(eventually(context.Background(), func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		go func() {
			select {
			case err := <-denied:
				if errors.Is(err, nats.ErrPermissionViolation) {
					denied <- err
					cancel() // nobody will answer
				}
			case <-ctx.Done():
			}
		}()
		answer, err = nc.RequestWithContext(ctx, args[2], []byte(args[3]))
		if len(denied) > 0 {
			answer = &nats.Msg{Header: nats.Header{natsapi.StatusHeader: {"DENIED"}}}
			return nil
		}
		return err
	}))
	if status := answer.Header.Get(natsapi.StatusHeader); status != args[0] {
		ts.Fatalf("status %s, want %s: %s", status, args[0], answer.Data)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[4]), fmt.Appendf(nil, "%s\n", answer.Data), 0o600))
}
