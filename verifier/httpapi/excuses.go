package httpapi

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/access"
)

// excuses reads which alerts do not fail a question. Whether they can be is for the
// service to check.
func (p params) excuses() (e verifier.Excuses, err error) {
	if err = p.read(parameter.Ignore, func(v string) error {
		return readJSON(v, &e.Ignore, `a list such as [{"rule": "…", "reason": "…"}, {"tag": "…", "reason": "…"}]`)
	}); err != nil {
		return e, err
	}
	if err = p.read(parameter.MaxAlerts, func(v string) error {
		if e.MaxAlerts, err = strconv.ParseUint(v, 10, 64); err != nil {
			return fmt.Errorf("want a number from 0 to %d, have %.40q", verifier.MaxAllowedAlerts, v)
		}
		return nil
	}); err != nil {
		return e, err
	}
	return e, p.read(parameter.Baseline, func(v string) error {
		e.Baseline = &verifier.Baseline{}
		return readJSON(v, e.Baseline, `an object such as {"namespace": "…", "lookback": "1h"}`)
	})
}

// readJSON reads JSON that is given as such, or as the text of a JSON string.
func readJSON(value string, to any, want string) error {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		value = text
	}
	if err := json.Unmarshal([]byte(value), to, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("want %s: %v", want, err) //nolint:errorlint // a message for people; nothing branches on it
	}
	return nil
}

// mayCompare refuses who may not see the namespace of the baseline: the verdict would
// tell of it.
func (s *Server) mayCompare(ctx context.Context, caller access.Caller, b *verifier.Baseline) error {
	if b == nil {
		return nil
	}
	if err := verifier.CheckNamespace(b.Namespace); err != nil {
		return &verifier.FieldError{Field: "baseline.namespace", Detail: strings.TrimPrefix(err.Error(), "namespace: ")} // nobody's, and so nobody may
	}
	return s.demand(ctx, caller, access.Action{Verb: access.Get, Namespace: b.Namespace})
}
