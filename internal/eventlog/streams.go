package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names of the streams.
const (
	LogStream     = "FALCOGATE_LOG"
	VerdictStream = "FALCOGATE_VERDICTS"
	GateStream    = "FALCOGATE_GATES"
)

const (
	// dedupeWindow is how long the server remembers message ids.
	dedupeWindow = 2 * time.Minute
	// Verdicts are few and small: they are kept for a month, or for as long as
	// the log when that is longer.
	verdictAge      = 30 * 24 * time.Hour
	verdictMaxBytes = 256 << 20

	mirrorDeliver   = "falcogate.mirror"
	mirrorAPI       = "falcogate.origin"
	mirrorConsumers = 1000
	mirrorMemory    = 64 << 20
)

// maxAge is how long the log keeps records: the retention and a tenth, so that
// what is still wanted is not evicted while it is asked for.
func maxAge(retention time.Duration) time.Duration { return retention + retention/10 }

func logConfig(o *Options) jetstream.StreamConfig {
	age := maxAge(o.Retention)
	return jetstream.StreamConfig{
		Name:        LogStream,
		Description: "falcogate: what was heard from Falco, in order",
		Subjects:    []string{logPrefix + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      age,
		MaxBytes:    o.MaxBytes,
		Duplicates:  min(dedupeWindow, age),
		Replicas:    o.Replicas,
		AllowDirect: true,
		// See batches.go. An external server's syncing is not ours to know.
		AllowAtomicPublish: o.URL == "" && o.SyncAlways,
	}
}

func verdictConfig(o *Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        VerdictStream,
		Description: "falcogate: verdicts",
		Subjects:    []string{verdictPrefix + ">"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxAge:      max(verdictAge, maxAge(o.Retention)),
		MaxBytes:    verdictMaxBytes,
		Duplicates:  dedupeWindow,
		Replicas:    o.Replicas,
		AllowDirect: true,
	}
}

// gateConfig is the stream of gates and rollouts: the latest word on each, and no more.
func gateConfig(o *Options) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              GateStream,
		Description:       "falcogate: gates",
		Subjects:          []string{gatePrefix + ">"},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardOld,
		MaxMsgsPerSubject: 1,
		MaxBytes:          -1, // none, as servers say it: 0 would look like a change of theirs
		MaxAge:            max(verdictAge, maxAge(o.Retention)),
		Duplicates:        dedupeWindow,
		Replicas:          o.Replicas,
		AllowDirect:       true,
	}
}

// mirrorConfig is the verdict stream as outside clients of the embedded server
// see it.
func mirrorConfig(o *Options) jetstream.StreamConfig {
	v := verdictConfig(o)
	return jetstream.StreamConfig{
		Name:        v.Name,
		Description: v.Description,
		Storage:     v.Storage,
		MaxAge:      v.MaxAge,
		MaxBytes:    v.MaxBytes,
		Replicas:    v.Replicas,
		AllowDirect: true,
		// Nobody tidies up behind outside clients.
		ConsumerLimits: jetstream.StreamConsumerLimits{InactiveThreshold: 24 * time.Hour},
		Mirror: &jetstream.StreamSource{
			Name:     VerdictStream,
			External: &jetstream.ExternalStream{APIPrefix: mirrorAPI, DeliverPrefix: mirrorDeliver},
		},
	}
}

// ensureStream creates the stream that want describes, or brings the existing
// one to it. What an operator has added to it, such as placement or compression,
// stays, and with NoUpdate all of it. A stream that can't be brought to it is
// ErrStreamMismatch.
func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig, o *Options) (jetstream.Stream, error) {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, want)
		return stream, explain(want.Name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", want.Name, err)
	}
	have := stream.CachedInfo().Config
	if what := misfit(&have, &want); what != "" {
		return nil, fmt.Errorf("%w: %s has %s: remove or rename that stream, or use another NATS account", ErrStreamMismatch, want.Name, what)
	}
	if o.NoUpdate {
		return stream, nil
	}
	next := have
	next.MaxAge, next.MaxBytes, next.Duplicates = want.MaxAge, want.MaxBytes, want.Duplicates
	next.Replicas, next.AllowDirect = want.Replicas, true
	next.AllowAtomicPublish = have.AllowAtomicPublish || want.AllowAtomicPublish
	if next.MaxAge == have.MaxAge && next.MaxBytes == have.MaxBytes && next.Duplicates == have.Duplicates &&
		next.Replicas == have.Replicas && have.AllowDirect && next.AllowAtomicPublish == have.AllowAtomicPublish {
		return stream, nil
	}
	// Two processes with different flags would change it to and fro: each says so.
	o.Logger.WarnContext(ctx, "event log: the stream's settings are changed to those of this process", slog.String("stream", want.Name),
		slog.Group("was", "max_age", have.MaxAge.String(), "max_bytes", have.MaxBytes, "replicas", have.Replicas),
		slog.Group("is", "max_age", next.MaxAge.String(), "max_bytes", next.MaxBytes, "replicas", next.Replicas))
	stream, err = js.UpdateStream(ctx, next)
	return stream, explain(want.Name, err)
}

// misfit says what of a stream's settings would lose or refuse records, or shows
// that the stream is somebody else's. Empty means that it fits.
func misfit(have, want *jetstream.StreamConfig) string {
	external := func(s *jetstream.StreamSource) bool { return s != nil && s.Name == VerdictStream && s.External != nil }
	switch {
	case want.Mirror != nil && !external(have.Mirror), want.Mirror == nil && have.Mirror != nil:
		return "another mirror"
	case len(have.Sources) > 0:
		return "sources"
	case !slices.Equal(have.Subjects, want.Subjects):
		return fmt.Sprintf("the subjects %q, want %q", have.Subjects, want.Subjects)
	case have.Retention != want.Retention:
		return fmt.Sprintf("the retention policy %s, want %s", have.Retention, want.Retention)
	case have.Storage != want.Storage:
		return fmt.Sprintf("%s storage, want %s", have.Storage, want.Storage)
	case have.Discard != want.Discard:
		return fmt.Sprintf("the discard policy %s, want %s", have.Discard, want.Discard)
	case have.MaxMsgs > 0:
		return fmt.Sprintf("max_msgs %d, want no limit", have.MaxMsgs)
	case have.MaxMsgSize > 0:
		return fmt.Sprintf("max_msg_size %d, want no limit", have.MaxMsgSize)
	case max(have.MaxMsgsPerSubject, 0) != max(want.MaxMsgsPerSubject, 0):
		return fmt.Sprintf("max_msgs_per_subject %d, want %d", have.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	case have.NoAck:
		return "no_ack set, want acknowledgements"
	case have.PersistMode == jetstream.AsyncPersistMode:
		return "persist_mode async, which acknowledges what a crash loses"
	case have.Sealed:
		return "been sealed"
	case have.SubjectTransform != nil:
		return "a subject transform"
	}
	return ""
}

// explain makes the server's refusal of a configuration ErrStreamMismatch. All
// else may pass.
func explain(name string, err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case jetstream.JSErrCodeStreamNameInUse: // made by another since we looked
			return fmt.Errorf("stream %s: %w", name, err)
		case errStreamInvalidConfig, errSubjectOverlap, errReplicasNotSupported:
			return fmt.Errorf("%w: %s: the server says: %w", ErrStreamMismatch, name, err)
		}
	}
	return fmt.Errorf("stream %s: %w", name, err)
}

// Codes of the server's errors that nats.go has no names for.
const (
	errStreamInvalidConfig    jetstream.ErrorCode = 10052
	errSubjectOverlap         jetstream.ErrorCode = 10065
	errReplicasNotSupported   jetstream.ErrorCode = 10074
	errHeaderTooLarge         jetstream.ErrorCode = 10097
	errBatchContainsDuplicate jetstream.ErrorCode = 10201
)

// ensureMirror makes the mirror that outside clients read, over a connection of
// its own.
func (e *embedded) ensureMirror(ctx context.Context, server nats.InProcessConnProvider) error {
	nc, err := nats.Connect("", nats.InProcessServer(server), e.keys.mirror.login(),
		nats.Name(e.opts.Name+" mirror"), nats.NoReconnect(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return fmt.Errorf("connecting for the mirror: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = ensureStream(ctx, js, mirrorConfig(e.opts), e.opts)
	return err
}
