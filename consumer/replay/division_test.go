package replay

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// alertsOf are the messages that are alerts, told by what they say.
func alertsOf(t *testing.T, all []Message) (alerts []Message) {
	t.Helper()
	for _, m := range all {
		if object(t, m.JSON)["source"] != "internal" {
			alerts = append(alerts, m)
		}
	}
	return alerts
}

func TestTheSecondReaderTakesAlertsByNumber(t *testing.T) {
	all := recorded(t, "testdata/alert-grpc.jsonl.gz")
	alerts := alertsOf(t, all)
	require.Len(t, alerts, 22)
	require.Greater(t, len(all), 40, "and Falco's messages about itself")
	for name, takes := range map[string][]int{
		"none": nil, "the first": {1}, "the last": {22}, "several, in any order, one twice": {3, 1, 22, 3},
	} {
		t.Run(name, func(t *testing.T) {
			sink, second := &played{}, &played{}
			var progress []int
			s, err := Play(t.Context(), messages(all), Options{
				Sink: sink, SecondReader: second, SecondReaderTakes: takes, AsFastAsPossible: true,
				Progress: func(sent int, _ time.Time) { progress = append(progress, sent) },
			})
			require.NoError(t, err)
			taken := map[int]bool{}
			for _, n := range takes {
				taken[n] = true
			}
			var want, left []Message
			number := 0
			for _, m := range all {
				if object(t, m.JSON)["source"] != "internal" {
					if number++; taken[number] {
						want = append(want, m)
						continue
					}
				}
				left = append(left, m)
			}
			require.Equal(t, want, second.got)
			require.Equal(t, left, sink.got)
			require.Equal(t, len(left), s.Sent)
			require.Equal(t, len(want), s.Taken)
			require.Len(t, progress, len(all))
			require.Equal(t, len(all), progress[len(all)-1])
			first, last, err := messages(all).Span(t.Context())
			require.NoError(t, err)
			require.Equal(t, first, s.First)
			require.Equal(t, last, s.Last, "Falco sent it all")
		})
	}
}

// The second reader gets its alert at its time and in its turn, moved and renamed
// like the others.
func TestTheSecondReaderIsSentToInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		sink, second := &played{start: start}, &played{start: start}
		second.send = func(context.Context, Message) error {
			require.Len(t, sink.got, 1, "nothing that is behind it was sent")
			return nil
		}
		s, err := Play(t.Context(), someMessages(t), Options{
			Sink: sink, SecondReader: second, SecondReaderTakes: []int{2}, Rebase: true, Hostname: "node-z",
		})
		require.NoError(t, err)
		require.Equal(t, []time.Duration{time.Second}, second.after)
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second}, sink.after)
		require.True(t, start.Add(time.Second).Equal(second.got[0].Time))
		require.Equal(t, "node-z", object(t, second.got[0].JSON)["hostname"])
		require.Equal(t, 3, s.Sent)
		require.Equal(t, 1, s.Taken)
	})
}

func TestTheSecondReaderFails(t *testing.T) {
	broken := errors.New("no second reader")
	sink, second := &played{}, &played{send: func(context.Context, Message) error { return broken }}
	s, err := Play(t.Context(), someMessages(t), Options{Sink: sink, SecondReader: second, SecondReaderTakes: []int{3}, AsFastAsPossible: true})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "message of line 3: send: ")
	require.Equal(t, 2, s.Sent)
	require.Zero(t, s.Taken)
}

// More alerts than there are can't be taken: that is said at the end, when all
// was sent.
func TestTheSecondReaderTakesMoreThanThereIs(t *testing.T) {
	all := recorded(t, "testdata/alert-grpc.jsonl.gz")
	sink, second := &played{}, &played{}
	s, err := Play(t.Context(), messages(all), Options{Sink: sink, SecondReader: second, SecondReaderTakes: []int{22, 23}, AsFastAsPossible: true})
	require.ErrorIs(t, err, ErrFewAlerts)
	require.ErrorContains(t, err, "number 23: the recording has only 22 alerts")
	require.Equal(t, len(all)-1, s.Sent)
	require.Equal(t, 1, s.Taken)
	require.Len(t, sink.got, len(all)-1)
}

func TestWhatIsAnAlert(t *testing.T) {
	for line, want := range map[string]bool{
		`{"source":"syscall"}`:                    true,
		`{"source":"k8s_audit"}`:                  true,
		`{"rule":"no source"}`:                    true,
		`{"source":null}`:                         true,
		`{"source":"internal"}`:                   false,
		`{"\u0073ource":"intern\u0061l"}`:         false,
		`{"output_fields":{"source":"internal"}}`: true,
	} {
		require.True(t, json.Valid([]byte(line)))
		require.Equal(t, want, isAlert(Message{JSON: []byte(line)}), line)
	}
	require.False(t, isAlert(Message{Text: []byte("06:26:43.042489678: Notice n")}))
}
