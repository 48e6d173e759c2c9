package verifier

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// EventType is the CloudEvents type of a published verdict.
const EventType = "dev.falcogate.verdict.v1"

// JSONOptions are how answers are written: the same value gives the same bytes,
// and a byte that is no UTF-8 is replaced instead of losing the answer.
var JSONOptions = json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true))

// eventHeader has the CloudEvents attributes of a verdict, as binary mode over
// NATS has them. The message id is the log's to set, from the event's id.
func eventHeader(source string, v *Verdict) map[string]string {
	return cloudEvent(source, EventType, v.ID, v.Namespace, v.EvaluatedAt)
}

// contradictionHeader likewise, of a contradiction.
func contradictionHeader(source string, c *Contradiction) map[string]string {
	return cloudEvent(source, ContradictionType, c.ID, c.Namespace, c.EvaluatedAt)
}

func cloudEvent(source, kind, id, namespace string, at time.Time) map[string]string {
	header := map[string]string{
		"ce-specversion":     "1.0",
		"ce-id":              id,
		"ce-source":          source,
		"ce-type":            kind,
		"ce-subject":         namespace,
		"ce-time":            at.Format(time.RFC3339Nano),
		"ce-datacontenttype": "application/json",
	}
	for name, value := range header {
		header[name] = headerValue(value)
	}
	return header
}

// headerValue percent-encodes s as the CloudEvents bindings want it: whatever
// is not printable ASCII, and space, double quote and percent sign.
func headerValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// eventSource is the CloudEvents source of an instance: a URI reference that
// needs no encoding, whatever the instance is called.
func eventSource(instance string) string {
	if instance == "" {
		instance = "falcogate"
	}
	return "/falcogate/" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, instance)
}
