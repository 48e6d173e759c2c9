package client

import (
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/falcogate/falcogate/internal/parameter"
)

// excuseParams are the parameters of excuses that are set, as text.
func (q Query) excuseParams(p map[string]string) {
	text := func(name string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			panic("client: excuses can't be encoded: " + err.Error()) // their types are all encodable
		}
		p[name] = string(data)
	}
	if len(q.Excuses.Ignore) > 0 {
		text(parameter.Ignore, q.Excuses.Ignore)
	}
	if q.Excuses.MaxAlerts > 0 {
		p[parameter.MaxAlerts] = strconv.FormatUint(q.Excuses.MaxAlerts, 10)
	}
	if q.Excuses.Baseline != nil {
		text(parameter.Baseline, q.Excuses.Baseline)
	}
}
