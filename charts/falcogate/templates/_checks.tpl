{{- /* Values that can't work are refused before anything is installed. */}}
{{- define "falcogate.check" -}}
{{- $v := .Values -}}
{{- if and (gt (int $v.replicas) 1) (not $v.nats.url) -}}
{{- fail (printf "replicas is %d, and the event log is in the process: replicas share one log. Set nats.url to a NATS with JetStream, or replicas: 1" (int $v.replicas)) -}}
{{- end -}}
{{- if and (eq $v.falco.output "socket") (not $v.nats.url) -}}
{{- fail "falco.output is socket: a reader on each node writes to one event log. Set nats.url to a NATS with JetStream" -}}
{{- end -}}
{{- if and (eq $v.falco.output "discover") (not $v.falco.discover.tlsSecret) -}}
{{- fail "falco.output is discover: Falco's gRPC server demands a client certificate. Set falco.discover.tlsSecret to a Secret with ca.crt, tls.crt and tls.key" -}}
{{- end -}}
{{- if and $v.nats.clientCert (not $v.nats.tlsSecret) -}}
{{- fail "nats.clientCert needs nats.tlsSecret: a Secret with ca.crt, tls.crt and tls.key" -}}
{{- end -}}
{{- if and $v.falco.http.clientCA (not $v.falco.http.tlsSecret) -}}
{{- fail "falco.http.clientCA needs falco.http.tlsSecret: a Secret with ca.crt, tls.crt and tls.key" -}}
{{- end -}}
{{- if and (has $v.auth.mode (list "token" "mtls")) (not $v.auth.secret) -}}
{{- fail (printf "auth.mode is %s: set auth.secret to a Secret with auth.yaml, which says who may ask about what" $v.auth.mode) -}}
{{- end -}}
{{- if and (eq $v.auth.mode "mtls") (eq $v.tls.source "none") -}}
{{- fail "auth.mode is mtls, and tls.source none: a client certificate needs TLS. Set tls.source" -}}
{{- end -}}
{{- if and (eq $v.tls.source "secret") (not $v.tls.secret) -}}
{{- fail "tls.source is secret: set tls.secret to a Secret with ca.crt, tls.crt and tls.key" -}}
{{- end -}}
{{- if and (eq $v.tls.source "certManager") (not $v.tls.issuerRef.name) -}}
{{- fail "tls.source is certManager: set tls.issuerRef, such as {name: internal, kind: ClusterIssuer}" -}}
{{- end -}}
{{- $own := fromYaml (include "falcogate.config" .) -}}
{{- range $key, $_ := $v.config -}}
{{- if hasKey $own $key -}}
{{- fail (printf "config.%s is set by the chart's other values: see values.yaml" $key) -}}
{{- end -}}
{{- end -}}
{{- end }}
