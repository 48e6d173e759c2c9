package eventlog_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/falcogate/falcogate/internal/eventlog"
)

// TestSchema holds the codec to docs/record.proto: protobuf's own decoder, with
// the file's schema, knows every field that we write, and what it writes again
// we read as the same record.
func TestSchema(t *testing.T) {
	record := readSchema(t, "../../docs/record.proto").Messages().ByName("Record")
	require.NotNil(t, record)
	for kind, body := range bodies {
		t.Run(kind, func(t *testing.T) {
			seen := map[protoreflect.FullName]bool{}
			rapid.Check(t, func(t *rapid.T) {
				r := anyRecord(body).Draw(t, "record")
				data, err := eventlog.EncodeRecord(nil, r)
				require.NoError(t, err)
				m := dynamicpb.NewMessage(record)
				require.NoError(t, proto.Unmarshal(data, m))
				noteFields(t, m, seen)
				// Deterministic puts the fields in the order of their numbers, as
				// the schema version must come first.
				again, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
				require.NoError(t, err)
				back, err := eventlog.DecodeRecord(again)
				require.NoError(t, err)
				require.Equal(t, r, back)
			})
			message := record.Fields().ByName(protoreflect.Name(kind)).Message()
			for i := range message.Fields().Len() {
				require.True(t, seen[message.Fields().Get(i).FullName()], "%s is never written", message.Fields().Get(i).FullName())
			}
		})
	}
}

// noteFields notes every field that is set, and refuses those that the schema
// doesn't know.
func noteFields(t *rapid.T, m protoreflect.Message, seen map[protoreflect.FullName]bool) {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		num, typ, _ := protowire.ConsumeTag(unknown)
		t.Fatalf("%s has no field %d of wire type %d", m.Descriptor().FullName(), num, typ)
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		seen[f.FullName()] = true
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				noteFields(t, v.List().Get(i).Message(), seen)
			}
		case f.Message() != nil:
			noteFields(t, v.Message(), seen)
		}
		return true
	})
}

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{$`)
	fieldLine   = regexp.MustCompile(`^  (optional|repeated) (\w+) (\w+) = (\d+)( \[packed = true\])?;$`)
)

// readSchema reads as much of the language as the file uses, and fails on
// anything else.
func readSchema(t *testing.T, path string) protoreflect.FileDescriptor {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const pkg = "falcogate.log.v1"
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("record.proto"), Package: proto.String(pkg), Syntax: proto.String("proto2")}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimRight(line, " ")
		if line == "" || line == "}" || line == `syntax = "proto2";` || line == "package "+pkg+";" {
			continue
		}
		if m := messageLine.FindStringSubmatch(line); m != nil {
			file.MessageType = append(file.MessageType, &descriptorpb.DescriptorProto{Name: &m[1]})
			continue
		}
		m := fieldLine.FindStringSubmatch(line)
		require.NotNil(t, m, "line %d: %q", i+1, line)
		number, err := strconv.ParseInt(m[4], 10, 32)
		require.NoError(t, err)
		field := &descriptorpb.FieldDescriptorProto{
			Name:   &m[3],
			Number: proto.Int32(int32(number)),
			Label:  descriptorpb.FieldDescriptorProto_Label(descriptorpb.FieldDescriptorProto_Label_value["LABEL_"+strings.ToUpper(m[1])]).Enum(),
		}
		if typ, ok := descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(m[2])]; ok {
			field.Type = descriptorpb.FieldDescriptorProto_Type(typ).Enum()
		} else {
			field.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
			field.TypeName = proto.String("." + pkg + "." + m[2])
		}
		if m[5] != "" {
			field.Options = &descriptorpb.FieldOptions{Packed: proto.Bool(true)}
		}
		last := file.MessageType[len(file.MessageType)-1]
		last.Field = append(last.Field, field)
	}
	fd, err := protodesc.NewFile(file, nil)
	require.NoError(t, err)
	return fd
}
