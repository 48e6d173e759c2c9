package eventlog_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/internal/eventlog"
)

// Generators of every kind of body, strings with any bytes.

var (
	anyString = rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "s")) })
	anyTime   = rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 3).Draw(t, "kind of time") {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(0, 0).UTC()
		}
		// From before year 1 to after year 9999.
		return time.Unix(rapid.Int64Range(-1<<37, 1<<39).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	})
	anyFields = rapid.Custom(func(t *rapid.T) []correlate.Field {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) correlate.Field {
			return correlate.Field{Name: anyString.Draw(t, "name"), Value: anyString.Draw(t, "value")}
		}), 0, 8).Draw(t, "fields")
		return orNil(list)
	})
	anyStrings = rapid.Custom(func(t *rapid.T) []string { return orNil(rapid.SliceOfN(anyString, 0, 8).Draw(t, "strings")) })
	anyCounter = rapid.Custom(func(t *rapid.T) correlate.Counter {
		if rapid.Bool().Draw(t, "reported") {
			return correlate.Counter{N: rapid.Uint64().Draw(t, "n"), Reported: true}
		}
		return correlate.Counter{}
	})
	anyID = rapid.Custom(func(t *rapid.T) (id [16]byte) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		return id
	})
)

// orNil makes an empty list nil: the wire form doesn't tell them apart.
func orNil[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

var bodies = map[string]*rapid.Generator[correlate.Body]{
	correlate.KindAlert: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Alert{
			Hostname: anyString.Draw(t, "hostname"), Source: anyString.Draw(t, "source"), Rule: anyString.Draw(t, "rule"),
			Priority: correlate.Priority(rapid.Uint8().Draw(t, "priority")), Time: anyTime.Draw(t, "time"), Output: anyString.Draw(t, "output"),
			OutputFields: anyFields.Draw(t, "fields"), Tags: anyStrings.Draw(t, "tags"),
		}
	}),
	correlate.KindSnapshot: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Snapshot{
			Hostname: anyString.Draw(t, "hostname"), Time: anyTime.Draw(t, "time"), EventSource: anyString.Draw(t, "source"),
			Run:     correlate.Run{StartTS: rapid.Int64().Draw(t, "start"), ReloadTS: rapid.Int64().Draw(t, "reload")},
			Ruleset: anyID.Draw(t, "ruleset"), RuleMatches: orNil(rapid.SliceOfN(rapid.Uint64(), 0, 100).Draw(t, "matches")),
			MatchesTotal: anyCounter.Draw(t, "total"), QueueDrops: anyCounter.Draw(t, "queue"), EventsProcessed: anyCounter.Draw(t, "events"),
			KernelEvents: anyCounter.Draw(t, "kernel"), KernelDrops: anyCounter.Draw(t, "drops"),
		}
	}),
	correlate.KindRuleset: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Ruleset{
			Hostname: anyString.Draw(t, "hostname"), Time: anyTime.Draw(t, "time"), ID: anyID.Draw(t, "id"), Rules: anyStrings.Draw(t, "rules"),
			RulesFiles: anyFields.Draw(t, "rules files"), ConfigFiles: anyFields.Draw(t, "config files"),
			Version: anyString.Draw(t, "version"), Engine: anyString.Draw(t, "engine"),
		}
	}),
	correlate.KindDrop: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Drop{
			Hostname: anyString.Draw(t, "hostname"), Time: anyTime.Draw(t, "time"), Events: anyCounter.Draw(t, "events"),
			Drops: anyCounter.Draw(t, "drops"), OutputFields: anyFields.Draw(t, "fields"),
		}
	}),
	correlate.KindTimeout: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Timeout{Hostname: anyString.Draw(t, "hostname"), Time: anyTime.Draw(t, "time"), LastEventTime: anyString.Draw(t, "last")}
	}),
	correlate.KindInternal: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Internal{
			Hostname: anyString.Draw(t, "hostname"), Rule: anyString.Draw(t, "rule"), Time: anyTime.Draw(t, "time"),
			Output: anyString.Draw(t, "output"), OutputFields: anyFields.Draw(t, "fields"),
		}
	}),
	correlate.KindMalformed: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Malformed{
			Hostname: anyString.Draw(t, "hostname"), Peer: anyString.Draw(t, "peer"), Reason: anyString.Draw(t, "reason"),
			Size: rapid.IntRange(0, math.MaxInt).Draw(t, "size"), Raw: orNil(rapid.SliceOfN(rapid.Byte(), 0, 1024).Draw(t, "raw")),
		}
	}),
	correlate.KindPlacement: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Placement{
			Told: anyTold.Draw(t, "told"), UID: anyString.Draw(t, "uid"), Namespace: anyString.Draw(t, "namespace"), Pod: anyString.Draw(t, "pod"),
			Node: anyString.Draw(t, "node"), Hostname: anyString.Draw(t, "hostname"), Controller: anyOwner.Draw(t, "controller"),
			Workload: anyOwner.Draw(t, "workload"), Labels: anyFields.Draw(t, "labels"), Containers: anyStrings.Draw(t, "containers"),
			Created: anyTime.Draw(t, "created"), Scheduled: anyTime.Draw(t, "scheduled"), Started: anyTime.Draw(t, "started"),
			Finished: anyTime.Draw(t, "finished"), Gone: rapid.Bool().Draw(t, "gone"),
			Linger: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "linger")),
		}
	}),
	correlate.KindWatch: rapid.Custom(func(t *rapid.T) correlate.Body {
		return &correlate.Watch{
			Told:  anyTold.Draw(t, "told"),
			Phase: rapid.SampledFrom([]correlate.WatchPhase{correlate.Watching, correlate.Listing, correlate.Listed}).Draw(t, "phase"),
			AsOf:  rapid.Uint64().Draw(t, "as of"),
		}
	}),
}

var (
	anyTold = rapid.Custom(func(t *rapid.T) correlate.Told {
		return correlate.Told{Watcher: anyString.Draw(t, "watcher"), Session: rapid.Uint64().Draw(t, "session"), Number: rapid.Uint64().Draw(t, "number")}
	})
	anyOwner = rapid.Custom(func(t *rapid.T) correlate.Owner {
		return correlate.Owner{Kind: anyString.Draw(t, "kind"), Name: anyString.Draw(t, "name")}
	})
)

func anyRecord(body *rapid.Generator[correlate.Body]) *rapid.Generator[*correlate.Record] {
	return rapid.Custom(func(t *rapid.T) *correlate.Record {
		return &correlate.Record{
			Received: anyTime.Draw(t, "received"), Transport: anyString.Draw(t, "transport"), ID: anyID.Draw(t, "id"), Body: body.Draw(t, "body"),
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	for kind, body := range bodies {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := anyRecord(body).Draw(t, "record")
				data, err := eventlog.EncodeRecord([]byte("prefix"), r)
				require.NoError(t, err)
				require.True(t, bytes.HasPrefix(data, []byte("prefix")), "what is there stays")
				back, err := eventlog.DecodeRecord(data[len("prefix"):])
				require.NoError(t, err)
				require.Equal(t, r, back)
			})
		})
	}
}

// TestRecordSkipsUnknownFields adds fields of every wire type with numbers that
// nothing has, to the record and to its body.
func TestRecordSkipsUnknownFields(t *testing.T) {
	var unknown []byte
	unknown = protowire.AppendVarint(protowire.AppendTag(unknown, 900, protowire.VarintType), 7)
	unknown = protowire.AppendFixed32(protowire.AppendTag(unknown, 901, protowire.Fixed32Type), 7)
	unknown = protowire.AppendFixed64(protowire.AppendTag(unknown, 902, protowire.Fixed64Type), 7)
	unknown = protowire.AppendString(protowire.AppendTag(unknown, 903, protowire.BytesType), "seven")
	unknown = protowire.AppendGroup(protowire.AppendTag(unknown, 904, protowire.StartGroupType), 904, []byte{0x08, 0x07})

	for kind, body := range bodies {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := anyRecord(body).Draw(t, "record")
				data, err := eventlog.EncodeRecord(nil, r)
				require.NoError(t, err)
				back, err := eventlog.DecodeRecord(insertUnknown(t, data, unknown))
				require.NoError(t, err)
				require.Equal(t, r, back)
			})
		})
	}
}

// insertUnknown puts fields behind the schema version, into the body and at the
// end.
func insertUnknown(t *rapid.T, data, unknown []byte) []byte {
	var out []byte
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeField(data)
		require.Positive(t, n)
		if num < 16 {
			out = append(append(out, data[:n]...), unknown...)
		} else {
			require.Equal(t, protowire.BytesType, typ)
			_, _, tag := protowire.ConsumeTag(data)
			body, _ := protowire.ConsumeBytes(data[tag:])
			out = protowire.AppendTag(out, num, typ)
			out = protowire.AppendBytes(out, append(append(bytes.Clone(unknown), body...), unknown...))
		}
		data = data[n:]
	}
	return append(out, unknown...)
}

func TestUnknownSchemaVersion(t *testing.T) {
	_, err := eventlog.DecodeRecord([]byte{0x08, 0x03})
	require.ErrorIs(t, err, eventlog.ErrSchemaVersion)
	require.NotErrorIs(t, err, eventlog.ErrCorrupt)
	var version *eventlog.SchemaVersionError
	require.ErrorAs(t, err, &version)
	require.EqualValues(t, 3, version.Version)
	require.ErrorContains(t, err, "run the version that wrote it")
}

func TestCorruptRecords(t *testing.T) {
	good, err := eventlog.EncodeRecord(nil, numbered("node-1", 1))
	require.NoError(t, err)
	tests := map[string][]byte{
		"empty":                     {},
		"no version":                good[2:],
		"JSON":                      []byte(`{"type":"x"}`),
		"only a version":            good[:2],
		"cut":                       good[:len(good)-1],
		"two bodies":                append(bytes.Clone(good), good[bytes.IndexByte(good, 0x82):]...),
		"id too short":              append(bytes.Clone(good), 0x2a, 1, 0),
		"wrong wire type":           append(bytes.Clone(good), 0x20, 1),
		"length beyond the end":     append(bytes.Clone(good), 0x22, 0xff, 0xff, 0xff, 0xff, 0x0f),
		"field number zero":         append(bytes.Clone(good), 0x02, 0),
		"group that does not end":   append(bytes.Clone(good), 0xe3, 0x38),
		"a second of nanoseconds":   append(bytes.Clone(good), 0x18, 0x80, 0x94, 0xeb, 0xdc, 0x03),
		"priority above 255":        {0x08, 1, 0x82, 0x01, 3, 0x20, 0x80, 0x02},
		"varint that does not end":  append(bytes.Clone(good), bytes.Repeat([]byte{0xff}, 11)...),
		"a body that is not nested": {0x08, 1, 0x80, 0x01, 1},
		"no such phase of a watch":  {0x08, 2, 0xc2, 0x01, 2, 0x20, 3},
		"neither gone nor not gone": {0x08, 2, 0xba, 0x01, 3, 0xb8, 0x01, 2},
		"lingering without an end":  append([]byte{0x08, 2, 0xba, 0x01, 12, 0xc0, 0x01}, protowire.AppendVarint(nil, 1<<63)...),
		"a pod's name as a number":  {0x08, 2, 0xba, 0x01, 2, 0x30, 1},
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := eventlog.DecodeRecord(data)
			require.ErrorIs(t, err, eventlog.ErrCorrupt)
		})
	}
}

// A record is written with the first version that has a place for it, so that an
// earlier falcogate reads what it can, and what nobody told is left out.
func TestRecordVersion(t *testing.T) {
	for kind, body := range bodies {
		data, err := eventlog.EncodeRecord(nil, &correlate.Record{Body: body.Example(1)})
		require.NoError(t, err)
		want := byte(1)
		if kind == correlate.KindPlacement || kind == correlate.KindWatch {
			want = 2
		}
		require.Equal(t, []byte{0x08, want}, data[:2], kind)
	}
	data, err := eventlog.EncodeRecord(nil, &correlate.Record{Body: &correlate.Placement{Linger: -time.Second}})
	require.NoError(t, err)
	back, err := eventlog.DecodeRecord(data)
	require.NoError(t, err)
	require.Equal(t, &correlate.Placement{
		Created: time.Time{}.UTC(), Scheduled: time.Time{}.UTC(), Started: time.Time{}.UTC(), Finished: time.Time{}.UTC(),
	}, back.Body)
	require.True(t, back.Body.(*correlate.Placement).Started.IsZero(), "not known is not 1970")
}

func TestEncodeRefusesStrangers(t *testing.T) {
	_, err := eventlog.EncodeRecord(nil, &correlate.Record{})
	require.ErrorIs(t, err, eventlog.ErrRefused)
	_, err = eventlog.EncodeRecord(nil, &correlate.Record{Body: stranger{}})
	require.ErrorIs(t, err, eventlog.ErrRefused)
	require.ErrorContains(t, err, "stranger")
}

type stranger struct{}

func (stranger) Kind() string   { return "stranger" }
func (stranger) Sensor() string { return "" }

// TestSnapshotSize holds a snapshot with Falco's 87 rules and large counters to
// a kilobyte, subject and id not counted.
func TestSnapshotSize(t *testing.T) {
	s := &correlate.Snapshot{
		Hostname: "ip-10-0-143-211.eu-central-1.compute.internal", Time: time.Unix(1_780_000_000, 123_456_789).UTC(), EventSource: "syscall",
		Run:     correlate.Run{StartTS: 1_780_000_000_123_456_789, ReloadTS: 1_780_000_000_123_456_789},
		Ruleset: [16]byte{1}, RuleMatches: make([]uint64, 87),
	}
	for i := range s.RuleMatches {
		s.RuleMatches[i] = 100_000_000
	}
	for _, c := range []*correlate.Counter{&s.MatchesTotal, &s.QueueDrops, &s.EventsProcessed, &s.KernelEvents, &s.KernelDrops} {
		*c = correlate.Counter{N: math.MaxUint64, Reported: true}
	}
	data, err := eventlog.EncodeRecord(nil, &correlate.Record{Body: s, ID: correlate.ID{1}, Transport: "grpc", Received: s.Time})
	require.NoError(t, err)
	require.LessOrEqual(t, len(data), 1024)
}

func TestDecodeAllocations(t *testing.T) {
	data, err := eventlog.EncodeRecord(nil, numbered("node-1", 1))
	require.NoError(t, err)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, err := eventlog.DecodeRecord(data); err != nil {
			panic(err)
		}
	}), 4.0, "the text, the record with its alert, the fields, the tags")
}

// FuzzDecodeRecord: whatever comes, an error or a record that encodes to
// something that decodes to the same.
func FuzzDecodeRecord(f *testing.F) {
	seeds := 0
	for _, body := range bodies {
		for i := range 4 {
			data, err := eventlog.EncodeRecord(nil, anyRecord(body).Example(i))
			require.NoError(f, err)
			f.Add(data)
			seeds++
		}
	}
	data, err := eventlog.EncodeRecord(nil, numbered("node-1", 1))
	require.NoError(f, err)
	f.Add(data)
	require.Equal(f, 4*len(bodies), seeds)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := eventlog.DecodeRecord(data)
		if err != nil {
			require.True(t, errors.Is(err, eventlog.ErrCorrupt) || errors.Is(err, eventlog.ErrSchemaVersion), "%v", err)
			return
		}
		again, err := eventlog.EncodeRecord(nil, r)
		require.NoError(t, err)
		back, err := eventlog.DecodeRecord(again)
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}
