package falcohttp

import (
	"context"
	"fmt"
	"time"
)

// Shutdown stops accepting and waits until all requests are answered. When ctx
// ends before that, those that are held are given up: they are answered 503,
// not 200, counted as unstored, and named in the error. It returns within two
// seconds of ctx's end, and then nothing uses the Intake any more. Further calls
// return at once, with nil.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first, started := !s.stopped, s.listener != nil
	s.stopped = true
	s.mu.Unlock()
	if !first {
		return nil
	}
	defer s.end()
	if !started {
		close(s.done)
		return nil
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.end()
		// What is left to do is to answer, not to wait.
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerGrace)
		defer cancel()
		err = s.http.Shutdown(grace)
	}
	if err != nil {
		// Connections that neither send nor end.
		err = s.http.Close()
	}
	<-s.done
	s.end()
	s.takeAllTurns()
	if n := s.metrics.givenUp.Load(); n > 0 {
		return fmt.Errorf("ingest listener: %d requests were still held when the time to shut down was over, and were given up", n)
	}
	if err != nil {
		return fmt.Errorf("ingest listener: close: %w", err)
	}
	return nil
}

// takeAllTurns returns once no request has its turn, and lets none begin one. It
// waits no longer than for a log that does not heed the end of its context.
func (s *Server) takeAllTurns() {
	timer := time.NewTimer(answerGrace)
	defer timer.Stop()
	for range cap(s.slots) {
		select {
		case s.slots <- struct{}{}:
		case <-timer.C:
			return
		}
	}
}
