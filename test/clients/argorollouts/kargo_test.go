package argorollouts

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/test/clients/documents"
)

// stage is what the example has of a Stage of Kargo, and nothing else: its module can't be
// had, and so this is after its documentation.
type stage struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		RequestedFreight []struct {
			Origin struct {
				Kind string `json:"kind"`
				Name string `json:"name"`
			} `json:"origin"`
			Sources struct {
				Direct bool     `json:"direct"`
				Stages []string `json:"stages"`
			} `json:"sources"`
		} `json:"requestedFreight"`
		PromotionTemplate struct {
			Spec struct {
				Steps []step `json:"steps"`
			} `json:"spec"`
		} `json:"promotionTemplate"`
		Verification struct {
			AnalysisTemplates []struct {
				Name string `json:"name"`
			} `json:"analysisTemplates"`
			Args []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"args"`
		} `json:"verification"`
	} `json:"spec"`
}

type step struct {
	Uses   string         `json:"uses"`
	As     string         `json:"as"`
	Config map[string]any `json:"config"`
	Retry  struct {
		Timeout string `json:"timeout"`
	} `json:"retry"`
}

// What Kargo makes of each answer by the expressions of the example: they are expr-lang's, as
// Kargo's own are, over the answer's status and body.
func TestKargoHTTPStep(t *testing.T) {
	s := example[stage](t, "kargo/stage.yaml")
	require.Equal(t, "kargo.akuity.io/v1alpha1 Stage", s.APIVersion+" "+s.Kind)
	require.Equal(t, "falco-stage", s.Spec.Verification.AnalysisTemplates[0].Name)
	gate := s.Spec.PromotionTemplate.Spec.Steps[1]
	require.Equal(t, "http", gate.Uses)

	documents.Configuration(t, "kargo.md", text(t, "kargo/stage.yaml"))

	d := playing(t)
	// outcome is what the step comes to: neither expression holding is to poll again.
	outcome := func(change func(url.Values)) string {
		u, err := url.Parse(gate.Config["url"].(string))
		require.NoError(t, err)
		q := u.Query()
		change(q)
		res, err := http.Get(d.URL + u.Path + "?" + q.Encode())
		require.NoError(t, err)
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		var body any
		require.NoError(t, json.Unmarshal(answer, &body))
		env := map[string]any{"response": map[string]any{"status": res.StatusCode, "body": body}}
		holds := func(name string) bool {
			value, err := expr.Eval(gate.Config[name].(string), env)
			require.NoError(t, err, "%s", answer)
			return value.(bool)
		}
		failed, succeeded := holds("failureExpression"), holds("successExpression")
		require.False(t, failed && succeeded)
		switch {
		case failed:
			return "failed"
		case succeeded:
			return "succeeded"
		}
		return "polls: " + strings.TrimSpace(string(answer))
	}
	require.Equal(t, "succeeded", outcome(func(q url.Values) {
		q.Set("namespace", "shadow-clean")
		q.Set("since", "3s")
		q.Set("wait", "15s")
	}))
	require.Equal(t, "failed", outcome(func(q url.Values) { q.Set("namespace", "shop"); q.Set("since", "5m") }))
	require.Contains(t, outcome(func(q url.Values) { q.Set("namespace", "shadow-clean") }), `"verdict":"inconclusive"`)
	require.Equal(t, "failed", outcome(func(q url.Values) { q.Set("sevirity", "error") }), "a typo is not polled for ten minutes")
}
