package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// maxStream is how long a stream of events lasts: who follows for longer connects
// again, and is asked again who they are.
const maxStream = time.Hour

// followGate streams what becomes of a gate as server-sent events, up to its end.
func (s *Server) followGate(w http.ResponseWriter, r *http.Request) {
	caller, err := s.authenticate(r)
	var p params
	if err == nil {
		p, err = inPath(parameter.ID, nil)(w, r)
	}
	var gate *verifier.Gate
	if err == nil {
		gate, err = s.gateFor(r.Context(), request{p, caller}, access.Get)
	}
	if err != nil {
		s.refuse(w, r, p, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxStream)
	defer cancel()
	defer context.AfterFunc(s.streams, cancel)()
	out := &eventStream{w: w, control: http.NewResponseController(w)}
	if r.Method == http.MethodHead {
		out.begin()
		return
	}
	if err := s.stream(ctx, out, caller, gate.ID); err != nil && !out.begun {
		s.refuse(w, r, p, err)
	}
}

// stream writes the events of a gate until its end, or ctx's.
func (s *Server) stream(ctx context.Context, out *eventStream, caller access.Caller, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan verifier.GateEvent)
	ended := make(chan error, 1)
	var follower sync.WaitGroup
	follower.Go(func() {
		ended <- s.gates.Follow(ctx, id, func(e verifier.GateEvent) error {
			select {
			case events <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	defer follower.Wait()
	defer cancel()
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		var err error
		select {
		case e := <-events:
			err = out.event(string(e.Kind), s.told(ctx, caller, e))
		case <-tick.C:
			err = out.comment("still here")
		case err := <-ended:
			return err
		}
		if err != nil {
			return nil // whoever followed is gone
		}
	}
}

// told is the data of an event.
func (s *Server) told(ctx context.Context, caller access.Caller, e verifier.GateEvent) any {
	switch e.Kind {
	case verifier.GateEventProgress:
		return e.Progress
	case verifier.GateEventVerdict:
		return s.shown(ctx, caller, e.Gate).Verdict
	}
	return e.Gate
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// begin writes the head of the answer.
func (o *eventStream) begin() {
	h := o.w.Header()
	h.Set("Content-Type", eventStreamType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // of proxies that would hold it back
	o.w.WriteHeader(http.StatusOK)
	o.begun = true
}

// event writes one event, whose data is JSON on one line.
func (o *eventStream) event(kind string, data any) error {
	text, err := json.Marshal(data, verifier.JSONOptions)
	if err != nil {
		return err
	}
	return o.write(fmt.Sprintf("event: %s\ndata: %s\n\n", kind, text))
}

// comment writes what a reader leaves out.
func (o *eventStream) comment(text string) error { return o.write(": " + text + "\n\n") }

// write sends text at once. The server's timeouts begin anew with it: a stream lasts for
// as long as somebody reads it.
func (o *eventStream) write(text string) error {
	err := errors.Join(o.control.SetReadDeadline(time.Time{}), o.control.SetWriteDeadline(time.Now().Add(writeTimeout)))
	if err != nil {
		return err
	}
	if !o.begun {
		o.begin()
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		return err
	}
	return o.control.Flush()
}

// eventStreamType is the media type of server-sent events.
const eventStreamType = "text/event-stream"
