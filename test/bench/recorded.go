package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/falcosecurity/client-go/pkg/api/outputs" //nolint:depguard // as in codec.go
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// recording is what a gRPC subscriber got from a Falco that raised 1,250 alerts a
// second.
const recording = "../../consumer/testdata/recordings/burst/grpc.jsonl.gz"

// message is one recorded message, which can be sent with any time: messages of
// different times have different ids.
type message struct {
	alert    *correlate.Alert
	text     []byte // the response without its time, as json_output: false has it
	document []byte // the same with json_output: true: output is the whole alert as JSON
	body     []byte // what is POSTed over HTTP
	stamp    int    // where the time stands in body
}

// recorded reads the recording. Internal says whether Falco's messages about
// itself are wanted too.
func recorded(internal bool) (all []message, err error) {
	f, err := os.Open(recording)
	if err != nil {
		return nil, fmt.Errorf("run this in test/bench: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for in := bufio.NewReader(z); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		var got struct {
			Response json.RawMessage `json:"response"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			return nil, err
		}
		r := &outputs.Response{}
		if err := protojson.Unmarshal(got.Response, r); err != nil {
			return nil, err
		}
		if r.Source == correlate.InternalSource && !internal {
			continue
		}
		m, err := messageOf(r)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
}

// messageOf takes a response apart. It was recorded with json_output: true.
func messageOf(r *outputs.Response) (m message, err error) {
	m.body = []byte(r.Output)
	if m.alert, err = consumer.DecodeJSON(m.body); err != nil {
		return m, err
	}
	const key = `"time":"`
	m.stamp = bytes.LastIndex(m.body, []byte(key)) + len(key)
	if _, err := time.Parse(stampFormat, string(m.body[m.stamp:min(m.stamp+len(stampFormat), len(m.body))])); err != nil {
		return m, fmt.Errorf("the document's time: %w", err)
	}
	r.Time = nil
	if m.document, err = proto.Marshal(r); err != nil {
		return m, err
	}
	r.Output = m.alert.Output
	m.text, err = proto.Marshal(r)
	return m, err
}

const stampFormat = "2006-01-02T15:04:05.000000000Z"

// stampBody writes a time into a copy of body.
func (m *message) stampBody(body []byte, at time.Time) {
	at.UTC().AppendFormat(body[m.stamp:m.stamp], stampFormat)
}

// wireTime is the field of a response that holds the time. Where it stands in the
// response does not matter.
func wireTime(at time.Time) []byte {
	// A google.protobuf.Timestamp: seconds and nanoseconds.
	t := protowire.AppendVarint(protowire.AppendTag(make([]byte, 0, 12), 1, protowire.VarintType), uint64(at.Unix()))
	t = protowire.AppendVarint(protowire.AppendTag(t, 2, protowire.VarintType), uint64(at.Nanosecond()))
	return protowire.AppendBytes(protowire.AppendTag(make([]byte, 0, 14), 1, protowire.BytesType), t)
}

// record is what the log holds of the message at another time.
func (m *message) record(at time.Time) *correlate.Record {
	a := *m.alert
	a.Time = at
	return &correlate.Record{Received: at.Add(time.Millisecond), Transport: consumer.TransportGRPC, ID: a.ID(), Body: &a}
}

// distinct gives each message a time of its own, a microsecond apart and in the
// last minutes, so that ids differ and nothing is too old to be kept.
func distinct() func(i int) time.Time {
	start := time.Now().Add(-10 * time.Minute).UTC()
	return func(i int) time.Time { return start.Add(time.Duration(i) * time.Microsecond) }
}
