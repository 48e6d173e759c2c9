package eventlog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/falcogate/falcogate/correlate"
)

// Subjects of the streams. What is known of a canary stands beside the gates; its subject
// is none that a gate's id makes.
const (
	logPrefix     = "falcogate.log."
	verdictPrefix = "falcogate.verdict."
	gatePrefix    = "falcogate.gate."
	rolloutPrefix = gatePrefix + "rollout."
)

const (
	// maxName is how many bytes of a name go into a subject: the longest name
	// that Kubernetes and DNS know. Whatever Falco sends, a subject stays
	// bounded; the record has the whole name.
	maxName  = 253
	cutMark  = "=~"
	cutBytes = 8 // of the digest that tells cut names apart
	empty    = "_"
)

const upperHex = "0123456789ABCDEF"

// EncodeName makes any name into one token of a subject. Letters, digits and
// '-' stay, every other byte becomes '=' and two upper-case hexadecimal digits,
// and the empty name is "_". Of a name longer than 253 bytes the first 253 are
// kept, followed by "=~" and 16 hexadecimal digits of the whole name's SHA-256.
func EncodeName(name string) string {
	if name == "" {
		return empty
	}
	kept := name[:min(len(name), maxName)]
	escapes := 0
	for i := range len(kept) {
		if !plain(kept[i]) {
			escapes++
		}
	}
	if escapes == 0 && len(kept) == len(name) {
		return name
	}
	var b strings.Builder
	b.Grow(len(kept) + 2*escapes + len(cutMark) + 2*cutBytes)
	for i := range len(kept) {
		c := kept[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	if len(kept) < len(name) {
		sum := sha256.Sum256([]byte(name))
		b.WriteString(cutMark)
		b.WriteString(hex.EncodeToString(sum[:cutBytes]))
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

// DecodeName undoes EncodeName. whole is false when the token holds only the
// beginning of a long name. What EncodeName does not write is an error.
func DecodeName(token string) (name string, whole bool, err error) {
	bad := func() (string, bool, error) {
		return "", false, fmt.Errorf("subject token %.80q: not an encoded name: want letters, digits, '-', =XX, or \"_\" alone", token)
	}
	if token == empty {
		return "", true, nil
	}
	body, digest, cut := strings.Cut(token, cutMark)
	if raw, err := hex.DecodeString(digest); cut && (err != nil || len(raw) != cutBytes || hex.EncodeToString(raw) != digest) {
		return bad()
	}
	b := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		if plain(c) {
			b = append(b, c)
			continue
		}
		if c != '=' || i+2 >= len(body) {
			return bad()
		}
		hi, lo := strings.IndexByte(upperHex, body[i+1]), strings.IndexByte(upperHex, body[i+2])
		if hi < 0 || lo < 0 || plain(byte(hi<<4|lo)) {
			return bad()
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	// An empty name is "_", and a cut one has its first 253 bytes.
	if len(b) == 0 || len(b) > maxName || cut && len(b) != maxName {
		return bad()
	}
	return string(b), !cut, nil
}

// LogSubject is the subject that a record is stored under:
// falcogate.log.alert.<namespace>.<priority>.<sensor> for an alert,
// falcogate.log.<kind>.<sensor> for all others. The priority is in lower case,
// the names are encoded, and the namespace of an alert that names none is "_".
// The record must have a body.
func LogSubject(r *correlate.Record) string {
	sensor := EncodeName(r.Body.Sensor())
	a, ok := r.Body.(*correlate.Alert)
	if !ok {
		return logPrefix + r.Body.Kind() + "." + sensor
	}
	namespace, _ := a.Namespace()
	return logPrefix + correlate.KindAlert + "." + EncodeName(namespace) + "." +
		EncodeName(strings.ToLower(a.Priority.String())) + "." + sensor
}

// VerdictSubject is the subject of a verdict ("pass", "fail", "inconclusive")
// over a namespace: falcogate.verdict.<namespace>.<verdict>, both encoded.
func VerdictSubject(namespace, verdict string) string {
	return verdictPrefix + EncodeName(namespace) + "." + EncodeName(verdict)
}

// sensorOf is the sensor that a log subject names, as far as it can be told.
func sensorOf(subject string) string {
	name, whole, err := DecodeName(subject[strings.LastIndexByte(subject, '.')+1:])
	if err != nil || !whole {
		return "" // a cut name is nobody's: it must not be taken for another sensor's
	}
	return name
}
