package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// kept is how many alerts the log holds that the index is rebuilt from.
const kept = 200_000

func rebuilding() comparison {
	return comparison{
		name: "log: rebuild the index", ours: "tail and index", other: "ordered consumer, discarding", unit: "alerts/s",
		goal: "≥ 0.6", rounds: 5, open: openLogs, met: atLeast(0.6),
	}
}

// logs hold the same alerts.
type logs struct {
	ours *scratchLog
	bare *bareStream
}

func openLogs(ctx context.Context) (_ pair, err error) {
	l := &logs{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	messages, err := recorded(false)
	if err != nil {
		return nil, err
	}
	if l.ours, err = openScratchLog(ctx); err != nil {
		return nil, err
	}
	if l.bare, err = openBareStream(ctx); err != nil {
		return nil, err
	}
	at := distinct()
	lane := l.ours.NewLane()
	defer lane.Close()
	for i := range kept {
		if err := lane.Append(ctx, messages[i%len(messages)].record(at(i))); err != nil {
			return nil, err
		}
	}
	if err := lane.Flush(ctx); err != nil {
		return nil, err
	}
	all, err := encodeAll(messages, kept, at)
	if err != nil {
		return nil, err
	}
	if err := l.bare.publish(ctx, all); err != nil {
		return nil, err
	}
	return l, l.bare.check(ctx, kept)
}

func (l *logs) close() error { return errors.Join(l.ours.close(), l.bare.close()) }

func (l *logs) round(ctx context.Context) (figures, error) {
	begin := time.Now()
	tail := startTail(l.ours)
	err := tail.reached(ctx, kept)
	ours := time.Since(begin)
	if err := errors.Join(err, tail.Ready(), tail.stop()); err != nil {
		return figures{}, err
	}
	begin = time.Now()
	if err := l.bare.discard(ctx, kept); err != nil {
		return figures{}, err
	}
	theirs := time.Since(begin)
	return figures{ours: rate(kept, ours), other: rate(kept, theirs), note: fmt.Sprintf("%d alerts", kept)}, nil
}
