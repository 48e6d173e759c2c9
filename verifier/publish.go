package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// ErrNotPublished is what Publish returns when the event log did not store the
// verdict in time. It may still have been stored.
var ErrNotPublished = errors.New("the verdict was not published")

// publishTimeout bounds the wait for the verdict to be stored.
const publishTimeout = 10 * time.Second

// MaxEventBytes bounds a published verdict: a NATS server takes messages of
// 1 MiB unless told otherwise.
const MaxEventBytes = 512 << 10

// Publish evaluates a question and publishes the verdict before it returns it:
// as a CloudEvents 1.0 event in binary mode, once for each ID. When it would be
// larger than MaxEventBytes it lists fewer alerts than it was asked for, and says
// that it is truncated. The error is Evaluate's, or wraps ErrNotPublished; then
// there is no verdict to act on.
func (s *Service) Publish(ctx context.Context, q Question) (*Verdict, error) {
	v, err := s.Evaluate(ctx, q)
	if err != nil {
		return nil, err
	}
	data, err := encodeEvent(v)
	if err != nil {
		return nil, fmt.Errorf("encoding verdict %s: %w", v.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	subject := s.subject(v.Namespace, v.Verdict.String())
	_, duplicate, err := s.log.PublishVerdict(ctx, subject, v.ID, s.signedHeader(v, data), data)
	switch {
	case err != nil:
		s.meters.published.WithLabelValues("failed").Inc()
		return nil, fmt.Errorf("%w: %w", ErrNotPublished, err)
	case duplicate:
		s.meters.published.WithLabelValues("duplicate").Inc()
	default:
		s.meters.published.WithLabelValues("published").Inc()
	}
	return v, nil
}

// EventData is what is published of a verdict: its JSON, with fewer alerts where it would
// be larger than MaxEventBytes.
func EventData(v *Verdict) ([]byte, error) { return encodeEvent(v) }

// encodeEvent encodes the verdict. It takes alerts off the list's end, in v too,
// until what is left fits: what is published is what is answered.
func encodeEvent(v *Verdict) ([]byte, error) {
	for {
		data, err := json.Marshal(v, JSONOptions)
		if err != nil || len(data) <= MaxEventBytes || !v.shorten() {
			return data, err
		}
	}
}
