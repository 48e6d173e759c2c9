package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	ignoreShop  = `[{"rule":"Terminal shell in container","reason":"known"}]`
	baselineOf  = `{"namespace":"NS","lookback":"5m"}`
	excusedGate = `{"id":"g","namespace":"shop","duration":"10m","ignore":` + ignoreShop + `,"max_alerts":2,"baseline":` + baselineOf + `}`
)

// Excuses come as JSON in a body, and as its text in a query string.
func TestExcuses(t *testing.T) {
	r := start(t, nil)
	query := "/v1/verdict?ns=shop&since=10m&evidence=none&max_alerts=2&ignore=" + url.QueryEscape(ignoreShop) +
		"&baseline=" + url.QueryEscape(strings.Replace(baselineOf, "NS", "live", 1))
	res, body := r.get(t, query)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Contains(t, body, `"max_alerts":2`)
	require.Contains(t, body, `"ignored":[{"rule":"Terminal shell in container","reason":"known","count":0}]`)
	require.Contains(t, body, `"baseline":{"namespace":"live","lookback":"5m0s"`)

	for path, body := range map[string]string{
		"/v1/gates":    strings.Replace(excusedGate, "NS", "live", 1),
		"/v1/verdicts": `{"ns":"shop","since":"10m","max_alerts":2,"ignore":` + ignoreShop + `}`,
	} {
		res, answer := r.post(t, path, body)
		require.Less(t, res.StatusCode, 300, answer)
		require.Contains(t, answer, `"max_alerts":2`)
		require.Contains(t, answer, `"reason":"known"`)
	}
}

func TestExcusesRefused(t *testing.T) {
	r := start(t, nil)
	for member, want := range map[string]string{
		`"ignore":"Terminal shell"`:                          "ignore: want a list such as",
		`"ignore":[{"rule":"x"}]`:                            "ignore: want a reason",
		`"ignore":[{"rules":"x","reason":"y"}]`:              "ignore: want a list such as",
		`"max_alerts":-1`:                                    "max_alerts: want a number",
		`"max_alerts":1000001`:                               "max_alerts: want at most",
		`"baseline":"live"`:                                  "baseline: want an object such as",
		`"baseline":{}`:                                      "baseline.namespace: required",
		`"baseline":{"namespace":"live","pods":"x"}`:         "baseline: want an object such as",
		`"baseline":{"namespace":"live","lookback":"1000h"}`: "baseline.lookback: want 0 to",
		`"baseline":{"namespace":"live","owner":"web"}`:      "baseline.owner",
	} {
		res, answer := r.post(t, "/v1/gates", `{"namespace":"shop",`+member+`}`)
		require.Equal(t, http.StatusBadRequest, res.StatusCode, member)
		field, detail, _ := strings.Cut(want, ": ")
		require.Contains(t, answer, `"parameter":"`+field+`"`, member)
		require.Contains(t, answer, detail, member)
	}
}

// A verdict tells of its baseline: to compare with a namespace needs the right to ask
// about it, and who sees the verdict's own alone is not shown the other's alerts.
func TestBaselineOfAnotherNamespace(t *testing.T) {
	g := startGuarded(t, "token", nil)
	fillLeaky(g.rig.log)
	ask := func(caller, ns string) int {
		res, _ := g.as(t, caller, "GET /v1/verdict?ns=shop&since=10m&baseline="+url.QueryEscape(strings.Replace(baselineOf, "NS", ns, 1)))
		return res.StatusCode
	}
	require.Equal(t, http.StatusForbidden, ask(getShop, "cart"))
	require.Equal(t, http.StatusOK, ask(getShop, "shop"))
	require.Equal(t, http.StatusOK, ask(getAll, "cart"))
	res, body := g.as(t, newShop, "POST /v1/gates "+strings.Replace(excusedGate, "NS", "cart", 1))
	require.Equal(t, http.StatusForbidden, res.StatusCode, body)

	res, body = g.as(t, bothAll, `POST /v1/gates {"id":"g","namespace":"shop","since":"2026-11-23T06:12:00Z","until":"2026-11-23T06:29:00Z","severity":"debug","baseline":{"namespace":"cart"}}`)
	require.Equal(t, http.StatusCreated, res.StatusCode, body)
	require.Eventually(t, func() bool {
		_, body = g.as(t, getAll, "GET /v1/gates/g")
		return gate(t, body).Verdict != nil
	}, 10*time.Second, time.Millisecond)
	require.NotContains(t, body, "withheld")
	require.Contains(t, body, "hush: cart")
	_, body = g.as(t, getShop, "GET /v1/gates/g")
	require.Contains(t, body, "baseline.alerts")
	shown := gate(t, body).Verdict.Baseline
	require.Zero(t, shown.AlertCount)
	require.Empty(t, shown.Alerts)
	require.NotContains(t, body, "hush")
	require.NotContains(t, body, "ecret")
}
