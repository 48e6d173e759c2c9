package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/falcogate/falcogate/correlate"
	"github.com/falcogate/falcogate/verifier"
	"github.com/falcogate/falcogate/verifier/internal/memlog"
)

// secrets are what only who may see all namespaces may see: names of another
// namespace, of its pods and rules, and texts and rules of alerts that belong to
// none, or that never arrived.
var secrets = []string{"cart", "basket", "secret", "hush"}

// alertOf makes an alert of a sensor with fields.
func alertOf(rule, output string, ago time.Duration, fields ...string) *correlate.Alert {
	var all []correlate.Field
	for i := 0; i < len(fields); i += 2 {
		all = append(all, correlate.Field{Name: fields[i], Value: fields[i+1]})
	}
	return &correlate.Alert{
		Hostname: "node-a", Source: "syscall", Rule: rule, Priority: correlate.Critical, Time: clock.Add(-ago), Output: output,
		Tags: []string{}, OutputFields: correlate.NewFields(all),
	}
}

// fillLeaky logs what two namespaces, a host and nobody's container raised, and a loss.
// Its sensor's heartbeat has no gap but that.
func fillLeaky(log *memlog.Log) {
	rules := []string{"Cart_secret_rule", "Host_secret_rule", "Lost_secret_rule", "Shop_rule", "Unattributed_secret_rule"}
	id := correlate.RulesetID{7}
	matches := make([]uint64, len(rules))
	log.Append(clock.Add(-time.Hour), &correlate.Ruleset{Hostname: "node-a", ID: id, Rules: rules})
	events := uint64(0)
	beat := func(ago time.Duration) {
		var total uint64
		for _, n := range matches {
			total += n
		}
		events += 1000
		counter := func(n uint64) correlate.Counter { return correlate.Counter{N: n, Reported: true} }
		log.Append(clock.Add(-ago), &correlate.Snapshot{
			Hostname: "node-a", Time: clock.Add(-ago), EventSource: "syscall", Run: correlate.Run{StartTS: 1, ReloadTS: 1}, Ruleset: id,
			RuleMatches: append([]uint64{}, matches...), MatchesTotal: counter(total), QueueDrops: counter(0),
			EventsProcessed: counter(events), KernelEvents: counter(events), KernelDrops: counter(0),
		})
	}
	raise := func(rule int, a *correlate.Alert) {
		matches[rule]++
		log.Append(a.Time, a)
	}
	for ago := 20 * time.Minute; ago >= 0; ago -= 5 * time.Second {
		switch ago {
		case 15 * time.Minute:
			raise(0, alertOf("Cart secret rule", "hush: cart", ago-time.Second, "k8s.ns.name", "cart", "k8s.pod.name", "basket-1"))
		case 14 * time.Minute:
			raise(3, alertOf("Shop rule", "seen in the shop", ago-time.Second, "k8s.ns.name", "shop", "k8s.pod.name", "till-1"))
		case 13 * time.Minute:
			raise(1, alertOf("Host secret rule", "hush: host", ago-time.Second, "container.id", "host"))
		case 12 * time.Minute:
			raise(4, alertOf("Unattributed secret rule", "hush: nobody", ago-time.Second, "container.id", "4d2f9b1c8a7e"))
		case 11 * time.Minute:
			matches[2] += 2 // and they never arrive
		}
		beat(ago)
	}
}

// questions are what a caller of shop can ask about it.
func questions() (all []string) {
	add := func(q url.Values) { all = append(all, q.Encode()) }
	for _, since := range []string{"19m", "14m30s", "13m30s", "12m30s", "11m30s", "10m30s", "5m"} {
		for _, severity := range []string{"debug", "critical", "emergency"} {
			for _, extra := range []url.Values{
				{}, {"rule": {"Shop rule"}}, {"rule": {"Cart secret rule"}}, {"sensor": {"node-a"}}, {"sensor": {"node-z"}}, {"pod": {"till-*"}}, {"pod": {"basket-*"}},
				{"evidence": {"none"}}, {"evidence": {"heard"}}, {"host_alerts": {"fail"}}, {"host_alerts": {"inconclusive"}},
				{"require_rules": {"No such rule"}}, {"limit": {"1000"}}, {"as_of": {"200"}},
			} {
				q := url.Values{"namespace": {"shop"}, "since": {since}, "until": {"1m"}, "severity": {severity}}
				for name, value := range extra {
					q[name] = value
				}
				add(q)
			}
		}
	}
	return all
}

// requireNoSecrets sees that an answer shows none of the secrets, but for what the
// question itself names.
func requireNoSecrets(t *testing.T, question, answer string) {
	t.Helper()
	q, err := url.ParseQuery(question)
	require.NoError(t, err)
	text := answer
	for _, own := range []string{q.Get("rule"), q.Get("pod")} {
		if own != "" {
			text = strings.ReplaceAll(text, own, "")
		}
	}
	text = strings.ToLower(text)
	for _, secret := range secrets {
		require.NotContains(t, text, secret, "%s: %s", question, answer)
	}
}

// Who may ask about one namespace gets answers in which nothing of another shows,
// whatever they ask.
func TestNothingOfAnotherNamespaceLeaks(t *testing.T) {
	g := startGuarded(t, "token", nil)
	fillLeaky(g.rig.log)
	shown := map[string]bool{}
	for _, q := range questions() {
		res, whole := g.as(t, bothAll, "GET /v1/verdict?"+q)
		require.Equal(t, http.StatusOK, res.StatusCode, whole)
		res, own := g.as(t, getShop, "GET /v1/verdict?"+q)
		require.Equal(t, http.StatusOK, res.StatusCode, own)
		requireNoSecrets(t, q, own)
		var v, w verifier.Verdict
		require.NoError(t, json.Unmarshal([]byte(own), &v))
		require.NoError(t, json.Unmarshal([]byte(whole), &w))
		require.Equal(t, w.ID, v.ID)
		require.Equal(t, w.Verdict, v.Verdict)
		require.Equal(t, w.Withholds(), v.Withheld != nil, "what is left out is said")
		require.Empty(t, w.Withheld)
		require.LessOrEqual(t, v.AlertCount, uint64(1))
		for _, r := range v.Reasons {
			shown[string(r.Reason)] = true
		}

		list, err := url.ParseQuery(q)
		require.NoError(t, err)
		for _, verdicts := range []string{"evidence", "host_alerts", "require_rules", "as_of"} {
			list.Del(verdicts)
		}
		res, own = g.as(t, getShop, "GET /v1/alerts?"+list.Encode())
		require.Equal(t, http.StatusOK, res.StatusCode, own)
		requireNoSecrets(t, q, own)
	}
	for _, reason := range []string{"alerts", "host_alerts", "unattributed", "alerts_missing", "no_sensor", "rule_not_loaded", "proven"} {
		require.True(t, shown[reason], "the questions bring forth %s", reason)
	}
	for _, request := range []string{
		"GET /v1/sensors", "GET /v1/diagnosis", "GET /v1/alerts", "GET /v1/alerts?scope=host", "GET /v1/alerts?scope=unattributed", "GET /metrics",
		"GET /healthz", "GET /readyz", "GET /", "GET /v1/verdicts", "DELETE /v1/alerts",
	} {
		_, body := g.as(t, getShop, request)
		requireNoSecrets(t, "", body)
	}
}

// A published verdict is whole, whoever published it; the answer and the explanation
// are not, for who may see one namespace.
func TestPublishedIsWhole(t *testing.T) {
	g := startGuarded(t, "token", nil)
	fillLeaky(g.rig.log)
	const question = `{"namespace":"shop","since":"13m30s","until":"1m","severity":"emergency"}`
	res, body := g.as(t, newShop, "POST /v1/verdicts "+question)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	requireNoSecrets(t, "", body)
	var v verifier.Verdict
	require.NoError(t, json.Unmarshal([]byte(body), &v))
	require.EqualValues(t, "alerts_missing", v.Reason)
	require.Equal(t, []string{"alerts_missing_by_rule"}, v.Withheld)
	require.Equal(t, v.Message, v.Reasons[0].Message)
	require.Contains(t, v.Message, "2 alerts that sensor node-a raised between")
	require.EqualValues(t, 2, v.Coverage.Gaps[0].AlertsMissing)
	require.Equal(t, v.Message, v.Coverage.Gaps[0].Message)

	published := g.rig.log.Verdicts()
	require.Len(t, published, 1)
	require.Equal(t, v.ID, published[0].ID)
	require.Contains(t, string(published[0].Data), `"alerts_missing_by_rule":{"Lost_secret_rule":2}`)
	require.NotContains(t, string(published[0].Data), "withheld")
	// Byte for byte what who may see all is answered.
	res, again := g.as(t, bothAll, "POST /v1/verdicts "+question)
	require.Equal(t, http.StatusOK, res.StatusCode, again)
	require.Equal(t, string(published[0].Data)+"\n", again)
	require.Len(t, g.rig.log.Verdicts(), 1)

	res, body = g.as(t, getShop, "GET /v1/verdicts/"+v.ID+"/explanation")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	requireNoSecrets(t, "", body)
	require.NotContains(t, body, `"raised":`)
	require.NotContains(t, body, `"received":`)
	require.Contains(t, body, `"missing":2`)
	var e verifier.Explanation
	require.NoError(t, json.Unmarshal([]byte(body), &e))
	require.True(t, e.Identical)
	require.Equal(t, []string{"alerts_missing_by_rule", "missing_by_rule", "raised", "received"}, e.Withheld)

	res, body = g.as(t, getAll, "GET /v1/verdicts/"+v.ID+"/explanation")
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	require.Contains(t, body, "Lost_secret_rule")
	require.Contains(t, body, `"raised":`)
	require.NotContains(t, body, "withheld")
}

// Whether there is a verdict of another namespace does not show: not in the answer,
// and not when it can't be found out who may ask.
func TestVerdictOfAnotherNamespaceIsNone(t *testing.T) {
	g := startGuarded(t, "kubernetes", nil)
	cart := g.publish(t, "cart").ID
	explain := func(caller, id string) string {
		res, body := g.as(t, caller, "GET /v1/verdicts/"+id+"/explanation")
		res.Header.Del("Date")
		return fmt.Sprint(res.StatusCode, res.Header, body)
	}
	for _, caller := range []string{norole, getShop, newShop, scraper} {
		require.Contains(t, explain(caller, cart), "404")
		for _, none := range []string{noVerdict, "..", "x", strings.ToUpper(cart), cart[:31]} {
			require.Equal(t, explain(caller, url.PathEscape(noVerdict)), explain(caller, cart))
			if none != ".." {
				require.Equal(t, explain(caller, cart), explain(caller, url.PathEscape(none)), none)
			}
		}
	}
	require.Contains(t, explain(getAll, cart), "200")
	g.roles.fail(errors.New("away"))
	require.Contains(t, explain(getShop, cart), "503")
	require.Equal(t, explain(getShop, noVerdict), explain(getShop, cart))
}

// A refusal is the same for every namespace but for its name: it does not tell those
// that there are.
func TestRefusalsAreAlike(t *testing.T) {
	g := startGuarded(t, "token", nil)
	fillLeaky(g.rig.log)
	for _, request := range []string{
		"GET /v1/verdict?since=10m&namespace=NS", "GET /v1/alerts?ns=NS", `POST /v1/verdicts {"namespace":"NS","since":"10m"}`,
	} {
		one, body := g.as(t, getShop, strings.ReplaceAll(request, "NS", "cart"))
		other, second := g.as(t, getShop, strings.ReplaceAll(request, "NS", "gone"))
		require.Equal(t, http.StatusForbidden, one.StatusCode)
		require.Equal(t, strings.ReplaceAll(body, "cart", "gone"), second)
		one.Header.Del("Date")
		other.Header.Del("Date")
		require.Equal(t, one, other)
	}
}
