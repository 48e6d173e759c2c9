package falcohttp

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// countingLog acknowledges at once and keeps nothing: what is measured is the
// way to the log.
type countingLog struct{ n atomic.Int64 }

func (l *countingLog) Append(_ context.Context, records ...*correlate.Record) error {
	l.n.Add(int64(len(records)))
	return nil
}

func (*countingLog) NewLane() consumer.Lane { panic("falcohttp opens no lane") }

// connections is how many Falcos post at once.
const connections = 64

// BenchmarkPost compares a POST that is decoded, appended and acknowledged with
// one to a server that throws the body away. Both get the same recorded alerts
// from the same client, which is as lean as it can be, so that what is compared
// are the servers; and they take turns, so that other load on the machine hits
// both.
//
//	go test -run '^$' -bench Post -benchtime 200000x ./consumer/falcohttp
func BenchmarkPost(b *testing.B) {
	var alerts, all [][]byte
	for _, p := range recorded(b, "alert") {
		request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: 127.0.0.1:2801\r\nAccept: */*\r\nContent-Type: application/json\r\n"+
			"User-Agent: falcosecurity/falco\r\nContent-Length: %d\r\n\r\n%s", len(p.Body), p.Body)
		all = append(all, request)
		if !bytes.Contains(request, []byte("metrics snapshot")) {
			alerts = append(alerts, request)
		}
	}
	for _, input := range []struct {
		name     string
		requests [][]byte
	}{{"alerts", alerts}, {"half snapshots", all}} {
		b.Run(input.name, func(b *testing.B) {
			discarding := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))
			defer discarding.Close()
			log := &countingLog{}
			s := start(b, log, Options{})
			thrown := dial(b, discarding.Listener.Addr().String())
			stored := dial(b, s.Addr().String())
			b.ResetTimer()
			var took [2]time.Duration
			const turn = 2000
			for done := 0; done < b.N; done += turn {
				n := min(turn, b.N-done)
				took[0] += thrown.post(b, input.requests, n)
				took[1] += stored.post(b, input.requests, n)
			}
			b.StopTimer()
			require.GreaterOrEqual(b, log.n.Load(), int64(b.N))
			b.ReportMetric(float64(b.N)/took[0].Seconds(), "thrown-away/s")
			b.ReportMetric(float64(b.N)/took[1].Seconds(), "stored/s")
			b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "ratio")
			b.ReportMetric(0, "ns/op") // of both together: of no use
		})
	}
}

// clients are the connections to one server.
type clients [connections]struct {
	conn    net.Conn
	answers *bufio.Reader
}

func dial(b *testing.B, address string) *clients {
	var c clients
	for i := range c {
		conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
		require.NoError(b, err)
		b.Cleanup(func() { _ = conn.Close() })
		c[i].conn, c[i].answers = conn, bufio.NewReader(conn)
	}
	return &c
}

// post sends n requests over the connections, each of which waits for its answer
// before it sends again, and returns how long all took.
func (c *clients) post(b *testing.B, requests [][]byte, n int) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range c {
		wg.Go(func() {
			for next := i; left.Add(-1) >= 0; next++ {
				_, err := c[i].conn.Write(requests[next%len(requests)])
				if err == nil {
					err = readOK(c[i].answers)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin)
}

// readOK reads an answer 200 without a body.
func readOK(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("want 200, have %q", line)
	}
	for len(line) > 2 {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
	}
	return nil
}
