package falcoconfig

import (
	"net/url"
	"strings"
)

// outputs are the ways by which alerts leave Falco.
type outputs struct {
	http, grpc bool // to falcogate
	sidekick   bool // by HTTP to falcosidekick
	// installed is set when the chart installs a falcosidekick. It then switches
	// http_output and json_output on, whatever they are set to.
	installed bool
}

// checkOutputs wants one way by which alerts reach falcogate.
func (k *checker) checkOutputs() (out outputs) {
	httpOn, httpSet := k.boolean(httpEnabled, true)
	address, addressSet := k.text(httpURL, k.receiver())
	addressSet.shown = withoutPassword(address)
	server, serverSet := k.boolean(grpcEnabled, true)
	grpcOn, grpcSet := k.boolean(grpcOutputEnabled, true)
	out.grpc = server && grpcOn
	if k.shape == ChartValues {
		out.installed, _ = k.boolean(sidekickEnabled, false)
	}
	if httpOn || out.installed {
		if out.installed && address == "" {
			addressSet.shown = "falcosidekick's, by falcosidekick.enabled"
			out.sidekick = true
		}
		out.sidekick = out.sidekick || isSidekick(address)
		out.http = !out.sidekick
	}
	switch {
	case out.http:
		k.checkReceiver(address, addressSet)
	case out.grpc:
	case out.sidekick:
		k.checkSidekick(addressSet, out.installed)
	case server && !grpcSet.doubtful:
		k.add(SeverityError, grpcSet, "true", "The gRPC server is on and its output is not: no alert reaches falcogate.")
	case !httpSet.doubtful && !serverSet.doubtful:
		want := snippet(k.prefix+httpSet.path, "true")
		if address == "" {
			want += "\n" + strings.Repeat("  ", strings.Count(k.prefix+httpSet.path, ".")) + "url: " + k.receiver()
		}
		k.addSnippet(SeverityError, httpSet, want,
			"No alert reaches falcogate: neither http_output nor, up to Falco 0.43, gRPC is on.")
	}
	if out.http && out.grpc {
		k.add(SeverityWarning, grpcSet, "false",
			"Each alert comes twice and is stored once, so one way is enough; and HTTP needs json_output: true, with which an alert with invalid UTF-8 kills Falco 0.43.1.")
	}
	k.checkGRPCKeys()
	return out
}

// receiver is the address of falcogate that a finding proposes.
func (k *checker) receiver() string {
	if k.shape == ChartValues {
		return "http://SERVICE.NAMESPACE.svc:2801/ # falcogate's --ingest-listen"
	}
	return "http://127.0.0.1:2801/ # falcogate's --ingest-listen"
}

func isSidekick(address string) bool {
	return strings.Contains(strings.ToLower(address), "falcosidekick")
}

// withoutPassword is a URL that may be shown.
func withoutPassword(address string) string {
	if !strings.Contains(address, "@") {
		return "" // as it is
	}
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return "a URL with a password"
	}
	return short(u.Redacted(), 200)
}

// checkSidekick judges alerts that go to falcosidekick alone. Whether it sends
// them on can be seen only where the same file installs it.
func (k *checker) checkSidekick(r reading, installed bool) {
	if installed {
		webhook, secret := k.read(sidekickWebhook).node, k.read(sidekickSecret).node
		if secret == nil && (webhook == nil || webhook.Value == "") {
			k.add(SeverityError, r, k.receiver(),
				"Falco posts to one URL, and this falcosidekick has no webhook (falcosidekick.config.webhook.address) that sends the alerts on to falcogate.")
			return
		}
	}
	k.add(SeverityWarning, r, k.receiver(),
		"Falco posts to one URL: make it falcogate's, or let falcosidekick's webhook send every priority on to falcogate. What falcosidekick sends on is not acknowledged.")
}

// checkReceiver judges the URL that Falco posts to, and how it looks at it.
func (k *checker) checkReceiver(address string, r reading) {
	if insecure, set := k.boolean(httpInsecure, false); insecure && !set.doubtful {
		k.add(SeverityWarning, set, "false",
			"Falco then sends its alerts to whoever answers at that address; http_output.ca_cert names the CA to trust.")
	}
	if r.doubtful {
		return
	}
	if address == "" {
		k.add(SeverityError, r, k.receiver(), "Falco refuses to start with http_output on and no URL.")
		return
	}
	u, err := url.Parse(strings.Trim(address, `"'`))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		k.add(SeverityError, r, k.receiver(), "Falco posts alerts to an http or https URL with a host, and loses what it can't post.")
		return
	}
	if host := u.Hostname(); k.shape == ChartValues && (host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")) {
		k.add(SeverityWarning, r, k.receiver(), "In a pod this is the pod itself, and no falcogate outside it is reached.")
	}
}

// checkGRPCKeys warns of what Falco 0.44 stumbles over, on or off.
func (k *checker) checkGRPCKeys() {
	for _, s := range []setting{{name: "grpc"}, {name: "grpc_output"}} {
		if r := k.read(s); r.node != nil {
			r.shown = "set"
			k.addSnippet(SeverityWarning, r, "# grpc and grpc_output have to go before Falco 0.44",
				"Falco 0.44 has no gRPC and refuses to start while its settings are there, on or off; http_output takes its place.")
			return
		}
	}
}
