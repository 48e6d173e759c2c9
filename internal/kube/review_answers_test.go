package kube

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counted are answers with a source that counts how often it is asked.
type counted struct {
	*answers[string]
	asked int
}

func newCounted() *counted {
	return &counted{answers: newAnswers[string](time.Now, newReviewMetrics(nil).of(reviewOfToken))}
}

func question(s string) digest { return sha256.Sum256([]byte(s)) }

// ask asks a question whose answer takes a second.
func (c *counted) ask(ctx context.Context, q string, f finding[string], err error) (string, error) {
	return c.get(ctx, question(q), func(ctx context.Context) (finding[string], error) {
		c.asked++
		select {
		case <-time.After(time.Second):
			return f, err
		case <-ctx.Done():
			return finding[string]{}, ctx.Err()
		}
	})
}

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	for name, yes := range map[string]bool{"yes": true, "no": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCounted()
				f := finding[string]{answer: "a", yes: yes, ttl: 10 * time.Second}
				for range 3 {
					answer, err := c.ask(t.Context(), "q", f, nil)
					require.NoError(t, err)
					require.Equal(t, "a", answer)
				}
				require.Equal(t, 1, c.asked)
				time.Sleep(9 * time.Second)
				_, err := c.ask(t.Context(), "q", f, nil)
				require.NoError(t, err)
				require.Equal(t, 1, c.asked)
				time.Sleep(2 * time.Second)
				_, err = c.ask(t.Context(), "q", f, nil)
				require.NoError(t, err)
				require.Equal(t, 2, c.asked)
				_, err = c.ask(t.Context(), "another", f, nil)
				require.NoError(t, err)
				require.Equal(t, 3, c.asked)
			})
		})
	}
}

func TestErrorsAndExpiredAnswersAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		away := errors.New("away")
		for range 2 {
			_, err := c.ask(t.Context(), "q", finding[string]{}, away)
			require.ErrorIs(t, err, away)
		}
		for range 2 {
			_, err := c.ask(t.Context(), "q", finding[string]{yes: true, ttl: -time.Second}, nil)
			require.NoError(t, err)
		}
		require.Equal(t, 4, c.asked)
	})
}

// A burst asks once. Who leaves early leaves the others theirs.
func TestABurstAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		first, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := c.ask(first, "q", finding[string]{answer: "a", yes: true, ttl: time.Minute}, nil)
			left <- err
		}()
		synctest.Wait()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				answer, err := c.ask(t.Context(), "q", finding[string]{}, errors.New("asked twice"))
				if err != nil || answer != "a" {
					t.Errorf("have %q, %v", answer, err)
				}
			})
		}
		synctest.Wait()
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		all.Wait()
		require.Equal(t, 1, c.asked)
	})
}

// An API server that takes connections and says nothing holds nobody for long.
func TestAQuestionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounted()
		begin := time.Now()
		_, err := c.get(t.Context(), question("q"), func(ctx context.Context) (finding[string], error) {
			<-ctx.Done()
			return finding[string]{}, ctx.Err()
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, reviewTimeout, time.Since(begin))
	})
}

// Made-up tokens do not push out those that were accepted, and are bounded.
func TestRefusalsDoNotPushOutAcceptances(t *testing.T) {
	c := newCounted()
	ask := func(q string, yes bool) {
		t.Helper()
		_, err := c.get(t.Context(), question(q), func(context.Context) (finding[string], error) {
			c.asked++
			return finding[string]{answer: q, yes: yes, ttl: time.Hour}, nil
		})
		require.NoError(t, err)
	}
	ask("good", true)
	for i := range maxAnswers + 10 {
		ask(fmt.Sprint(i), false)
	}
	asked := c.asked
	ask("good", true)
	ask(fmt.Sprint(maxAnswers+9), false)
	require.Equal(t, asked, c.asked)
	ask("0", false)
	require.Equal(t, asked+1, c.asked, "the oldest is gone")
	require.Len(t, c.no.Keys(), maxAnswers)
}
