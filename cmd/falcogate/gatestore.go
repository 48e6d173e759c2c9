package main

import (
	"context"
	"errors"

	"github.com/falcogate/falcogate/internal/eventlog"
	"github.com/falcogate/falcogate/verifier"
)

// gateStore is the event log as the gates' store. It waits for the log to be there.
type gateStore struct{ late *lateLog }

func (s gateStore) Put(ctx context.Context, id string, data []byte, revision uint64) (uint64, error) {
	log, err := s.late.wait(ctx)
	if err != nil {
		return 0, err
	}
	next, err := log.PutGate(ctx, id, data, revision)
	return next, gateChanged(err)
}

func (s gateStore) Get(ctx context.Context, id string) ([]byte, uint64, error) {
	log, err := s.late.wait(ctx)
	if err != nil {
		return nil, 0, err
	}
	return log.Gate(ctx, id)
}

func (s gateStore) Remove(ctx context.Context, id string, revision uint64) error {
	log, err := s.late.wait(ctx)
	if err != nil {
		return err
	}
	return log.RemoveGate(ctx, id, revision)
}

func (s gateStore) Watch(ctx context.Context, fn func([]verifier.GateChange, bool) error) error {
	log, err := s.late.wait(ctx)
	if err != nil {
		return err
	}
	return log.WatchGates(ctx, func(changes []eventlog.GateChange, whole bool) error {
		all := make([]verifier.GateChange, len(changes))
		for i, c := range changes {
			all[i] = verifier.GateChange(c)
		}
		return fn(all, whole)
	})
}

// rolloutStore is the event log as the rollouts' store. It waits for the log to be there.
type rolloutStore struct{ late *lateLog }

func (s rolloutStore) Put(ctx context.Context, canary string, data []byte, revision uint64) (uint64, error) {
	log, err := s.late.wait(ctx)
	if err != nil {
		return 0, err
	}
	next, err := log.PutRollout(ctx, canary, data, revision)
	return next, gateChanged(err)
}

func (s rolloutStore) Get(ctx context.Context, canary string) ([]byte, uint64, error) {
	log, err := s.late.wait(ctx)
	if err != nil {
		return nil, 0, err
	}
	return log.Rollout(ctx, canary)
}

func (s rolloutStore) Count(ctx context.Context) (int, error) {
	log, err := s.late.wait(ctx)
	if err != nil {
		return 0, err
	}
	return log.Rollouts(ctx)
}

// gateChanged is the log's error as the verifier knows it.
func gateChanged(err error) error {
	if errors.Is(err, eventlog.ErrGateChanged) {
		return verifier.ErrGateChanged
	}
	return err
}
