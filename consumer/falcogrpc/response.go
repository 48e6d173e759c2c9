package falcogrpc

import (
	"fmt"
	"strings"

	"github.com/falcosecurity/client-go/pkg/api/outputs"
	"github.com/falcosecurity/client-go/pkg/api/schema"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/falcogate/falcogate/consumer"
	"github.com/falcogate/falcogate/correlate"
)

// responseOf is what Falco with json_output: true sends over gRPC for an alert
// that it writes to a file as this line: output is the line itself, output_fields
// hold texts, "<NA>" for null, and no evt.time unless the message is about Falco
// itself. The error is a *consumer.MalformedError.
func responseOf(line []byte) (*outputs.Response, error) {
	a, err := consumer.DecodeJSON(line)
	if err != nil {
		return nil, err
	}
	r := &outputs.Response{
		Time:         timestamppb.New(a.Time),
		Priority:     schema.Priority(a.Priority - correlate.Emergency),
		Rule:         a.Rule,
		Output:       string(line),
		OutputFields: make(map[string]string, len(a.OutputFields)),
		Hostname:     a.Hostname,
		Tags:         a.Tags,
		Source:       a.Source,
	}
	r.SourceDeprecated = schema.Source_PLUGIN //nolint:staticcheck // Falco still sends it
	if n, ok := schema.Source_value[a.Source]; ok {
		r.SourceDeprecated = schema.Source(n) //nolint:staticcheck // Falco still sends it
	}
	for _, f := range a.OutputFields {
		r.OutputFields[f.Name] = f.Value
	}
	return r, addLeftOut(r, line)
}

// addLeftOut adds the fields that the normal form leaves out and Falco sends.
func addLeftOut(r *outputs.Response, line []byte) error {
	var doc struct {
		OutputFields map[string]jsontext.Value `json:"output_fields"`
	}
	if err := json.Unmarshal(line, &doc); err != nil {
		return fmt.Errorf("read the output fields: %w", err)
	}
	for name, value := range doc.OutputFields {
		_, ok := r.OutputFields[name]
		repeatsTime := name == "evt.time" || name == "evt.time.iso8601"
		switch {
		case ok || repeatsTime && r.Source != correlate.InternalSource:
		case repeatsTime:
			r.OutputFields[name] = strings.Trim(string(value), `"`)
		default:
			r.OutputFields[name] = correlate.NotAvailable
		}
	}
	return nil
}
