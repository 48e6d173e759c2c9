package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// messages are a Source in memory.
type messages []Message

func (all messages) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for _, m := range all {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (all messages) Span(context.Context) (first, last time.Time, err error) {
	for _, m := range all {
		first, last = extend(first, last, m.Time)
	}
	return first, last, nil
}

// played is a Sink that notes what came and how long after the start.
type played struct {
	start time.Time
	after []time.Duration
	got   []Message
	send  func(ctx context.Context, m Message) error
}

func (p *played) Send(ctx context.Context, m Message) error {
	p.after = append(p.after, time.Since(p.start))
	p.got = append(p.got, m)
	if p.send != nil {
		return p.send(ctx, m)
	}
	return nil
}

// recorded at 0, 1 s, 400 ms (out of order) and 3 s.
func someMessages(t testing.TB) messages {
	var all messages
	for i, ms := range []int{0, 1000, 400, 3000} {
		when := at(t, "2026-11-23T06:26:43Z").Add(time.Duration(ms) * time.Millisecond)
		all = append(all, Message{Time: when, Line: i + 1, JSON: fmt.Appendf(nil,
			`{"output_fields":{"evt.time":%d,"n":%d},"time":%q}`, when.UnixNano(), i, when.Format(falcoTime))})
	}
	return all
}

func TestPlayTiming(t *testing.T) {
	ms := func(n ...int) (d []time.Duration) {
		for _, v := range n {
			d = append(d, time.Duration(v)*time.Millisecond)
		}
		return d
	}
	for _, tt := range []struct {
		name  string
		o     Options
		slow  time.Duration // how long the sink takes for the first message
		after []time.Duration
	}{
		{"original timing, never backwards", Options{}, 0, ms(0, 1000, 1000, 3000)},
		{"speed 1", Options{Speed: 1}, 0, ms(0, 1000, 1000, 3000)},
		{"twice as fast", Options{Speed: 2}, 0, ms(0, 500, 500, 1500)},
		{"half as fast", Options{Speed: 0.5}, 0, ms(0, 2000, 2000, 6000)},
		{"hardly moving", Options{Speed: 1e-3}, 0, ms(0, 1_000_000, 1_000_000, 3_000_000)},
		{"as fast as possible", Options{AsFastAsPossible: true, Speed: 7}, 0, ms(0, 0, 0, 0)},
		{"a slow sink is caught up with", Options{}, 1500 * time.Millisecond, ms(0, 1500, 1500, 3000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &played{start: time.Now()}
				sink.send = func(context.Context, Message) error {
					if len(sink.got) == 1 {
						time.Sleep(tt.slow) // in the bubble: no time passes outside
					}
					return nil
				}
				var progress []int
				tt.o.Sink = sink
				tt.o.Progress = func(sent int, when time.Time) {
					progress = append(progress, sent)
					require.Equal(t, sink.got[sent-1].Time, when)
				}
				all := someMessages(t)
				s, err := Play(t.Context(), all, tt.o)
				require.NoError(t, err)
				require.Equal(t, tt.after, sink.after)
				require.Equal(t, []Message(all), sink.got, "without rebase nothing is changed")
				require.Equal(t, []int{1, 2, 3, 4}, progress)
				require.Equal(t, Summary{Sent: 4, First: all[0].Time, Last: all[3].Time}, s)
			})
		})
	}
}

func TestPlayRebase(t *testing.T) {
	for _, tt := range []struct {
		name   string
		o      Options
		anchor int // the message whose time becomes the start of the replay
	}{
		{"paced: starts now", Options{Rebase: true}, 0},
		{"faster: starts now", Options{Rebase: true, Speed: 10}, 0},
		{"unpaced: ends now", Options{Rebase: true, AsFastAsPossible: true}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				sink := &played{start: start}
				tt.o.Sink = sink
				all := someMessages(t)
				s, err := Play(t.Context(), all, tt.o)
				require.NoError(t, err)
				d := start.Sub(all[tt.anchor].Time)
				require.Equal(t, d, s.Shift)
				require.Len(t, sink.got, len(all))
				for i, m := range sink.got {
					want, err := Shift(all[i], d)
					require.NoError(t, err)
					require.Equal(t, want, m)
				}
				require.True(t, start.Equal(sink.got[tt.anchor].Time))
				require.Equal(t, sink.got[0].Time, s.First)
				require.Equal(t, sink.got[3].Time, s.Last)
			})
		})
	}
}

// An unpaced replay of messages out of order ends now with the latest of them,
// so that none lies in the future.
func TestPlayRebaseEndsWithTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := someMessages(t)[:3]
		sink := &played{}
		s, err := Play(t.Context(), all, Options{Sink: sink, Rebase: true, AsFastAsPossible: true})
		require.NoError(t, err)
		require.True(t, time.Now().Equal(s.Last))
		require.Equal(t, s.Last.Add(-600*time.Millisecond), sink.got[2].Time)
	})
}

func TestPlayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := someMessages(t)
		// The context ends while the replay waits.
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		sink := &played{start: time.Now()}
		s, err := Play(ctx, all, Options{Sink: sink})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3, s.Sent)
		require.Equal(t, all[1].Time, s.Last)
		require.Equal(t, 1500*time.Millisecond, time.Since(sink.start))

		// The sink fails.
		broken := errors.New("connection refused")
		sink = &played{}
		sink.send = func(context.Context, Message) error {
			if len(sink.got) == 2 {
				return broken
			}
			return nil
		}
		s, err = Play(t.Context(), all, Options{Sink: sink, AsFastAsPossible: true})
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, "message of line 2: send: ")
		require.Equal(t, 1, s.Sent, "what failed was not sent")

		// The context ended before the start.
		sink = &played{}
		s, err = Play(ctx, all, Options{Sink: sink, AsFastAsPossible: true})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, s)
		require.Empty(t, sink.got)

		// A message can't be shifted.
		all[2].JSON = []byte("{")
		s, err = Play(t.Context(), all, Options{Sink: sink, AsFastAsPossible: true, Rebase: true})
		require.ErrorContains(t, err, "message of line 3: shift")
		require.Equal(t, 2, s.Sent)
	})
}

func TestPlayRefusesOptions(t *testing.T) {
	for _, o := range []Options{
		{}, {Sink: &played{}, Speed: -1}, {Sink: &played{}, Speed: math.NaN()}, {Sink: &played{}, Speed: math.Inf(1)},
		{Sink: &played{}, SecondReaderTakes: []int{1}}, {Sink: &played{}, SecondReader: &played{}, SecondReaderTakes: []int{1, 0}},
		{Sink: &played{}, Hostname: strings.Repeat("x", 254)},
	} {
		_, err := Play(t.Context(), messages{}, o)
		require.ErrorContains(t, err, "replay: ")
	}
}

// A file is read twice for a rebase; so is standard input, by way of a copy
// that is gone afterwards.
func TestPlayRecording(t *testing.T) {
	want := recorded(t, "testdata/alert-truth.jsonl.gz")
	t.Setenv("TMPDIR", t.TempDir())
	for _, rebase := range []bool{false, true} {
		for _, path := range []string{"testdata/alert-truth.jsonl.gz", Stdin} {
			t.Run(fmt.Sprintf("%s rebase %v", filepath.Base(path), rebase), func(t *testing.T) {
				if path == Stdin {
					f, err := os.Open("testdata/alert-truth.jsonl.gz")
					require.NoError(t, err)
					stdin := os.Stdin
					os.Stdin = f
					t.Cleanup(func() { os.Stdin = stdin; require.NoError(t, f.Close()) })
				}
				rec, err := Open(path)
				require.NoError(t, err)
				sink := &played{}
				before := time.Now()
				s, err := Play(t.Context(), rec, Options{Sink: sink, AsFastAsPossible: true, Rebase: rebase})
				require.NoError(t, err)
				require.Equal(t, len(want), s.Sent)
				back := make([]Message, len(sink.got))
				for i, m := range sink.got {
					back[i], err = Shift(m, -s.Shift)
					require.NoError(t, err)
				}
				require.Equal(t, want, back)
				if rebase {
					require.WithinRange(t, s.Last, before, time.Now())
				} else {
					require.Zero(t, s.Shift)
				}
				require.NoError(t, rec.Close())
				left, err := os.ReadDir(os.TempDir())
				require.NoError(t, err)
				require.Empty(t, left)
			})
		}
	}
}

func TestRecordingErrors(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none.jsonl"))
	require.ErrorIs(t, err, os.ErrNotExist)

	path := filepath.Join(t.TempDir(), "bad.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("06:00:00.000000000: Notice n\nbad\n"), 0o600))
	rec, err := Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, rec.Close()) }()
	sink := &played{}
	s, err := Play(t.Context(), rec, Options{Sink: sink, AsFastAsPossible: true})
	require.ErrorContains(t, err, path+": line 2: ")
	require.Equal(t, 1, s.Sent)
	// A rebase reads ahead, and sends nothing of a recording that it can't read.
	s, err = Play(t.Context(), rec, Options{Sink: sink, AsFastAsPossible: true, Rebase: true})
	require.ErrorContains(t, err, path+": line 2: ")
	require.Zero(t, s)

	stream := &Recording{name: "standard input", stream: os.Stdin}
	stream.stream = nil
	for _, err := range stream.Messages() {
		require.ErrorContains(t, err, "put it into a file")
	}
}

func TestSummaryJSON(t *testing.T) {
	b, err := json.Marshal(Summary{})
	require.NoError(t, err)
	require.Equal(t, `{"sent":0,"shift_ns":0,"first":null,"last":null}`, string(b))
	when := time.Date(2026, 11, 23, 7, 26, 43, 5000, time.FixedZone("CET", 3600))
	b, err = json.Marshal(Summary{Sent: 1, Taken: 2})
	require.NoError(t, err)
	require.Equal(t, `{"sent":1,"taken":2,"shift_ns":0,"first":null,"last":null}`, string(b))
	b, err = json.Marshal(Summary{Sent: 2, Shift: -time.Second, First: when, Last: when.Add(time.Nanosecond)})
	require.NoError(t, err)
	//nolint:testifylint // scripts may compare the bytes
	require.Equal(t, `{"sent":2,"shift_ns":-1000000000,"first":"2026-11-23T06:26:43.000005000Z","last":"2026-11-23T06:26:43.000005001Z"}`, string(b))
}
