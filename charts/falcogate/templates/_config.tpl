{{- /* The flags that the chart sets: of falcogate, and of the readers on the nodes. */}}
{{- define "falcogate.config" -}}
{{- $v := .Values -}}
log-format: json
listen: "0.0.0.0:8080"
metrics-listen: "0.0.0.0:9090"
auth: {{ $v.auth.mode }}
{{- if eq $v.auth.mode "none" }}
auth-none-anywhere: true
{{- end }}
{{- if has $v.auth.mode (list "token" "mtls") }}
auth-file: /etc/falcogate/auth/auth.yaml
{{- end }}
{{- if eq $v.auth.mode "mtls" }}
client-ca: /etc/falcogate/auth/ca.crt
{{- end }}
{{- if ne $v.tls.source "none" }}
tls-cert: /etc/falcogate/tls/tls.crt
tls-key: /etc/falcogate/tls/tls.key
{{- end }}
kubernetes: {{ $v.placements }}
{{- if $v.signingSecret }}
signing-key: /etc/falcogate/signing/key.pem
{{- end }}
{{- if eq $v.falco.output "http" }}
ingest-listen: "0.0.0.0:2801"
{{- if $v.falco.http.tlsSecret }}
ingest-tls-cert: /etc/falcogate/ingest/tls.crt
ingest-tls-key: /etc/falcogate/ingest/tls.key
{{- end }}
{{- if $v.falco.http.clientCA }}
ingest-client-ca: /etc/falcogate/ingest/ca.crt
{{- else }}
ingest-open: true
{{- end }}
{{- else }}
ingest-listen: ""
{{- end }}
{{- if eq $v.falco.output "discover" }}
falco-discover: {{ include "falcogate.falcoSelector" . | quote }}
falco-port: {{ $v.falco.discover.port }}
falco-lease: {{ .Release.Namespace }}/{{ include "falcogate.fullname" . }}-falco
falco-ca: /etc/falcogate/falco/ca.crt
falco-cert: /etc/falcogate/falco/tls.crt
falco-key: /etc/falcogate/falco/tls.key
{{- with $v.falco.discover.serverName }}
falco-server-name: {{ . | quote }}
{{- end }}
{{- end }}
{{- include "falcogate.natsConfig" . }}
{{- end }}

{{- define "falcogate.natsConfig" -}}
{{- $v := .Values }}
{{- if $v.nats.url }}
nats-url: {{ $v.nats.url | quote }}
nats-replicas: {{ $v.nats.replicas }}
{{- if $v.nats.credsSecret }}
nats-creds: /etc/falcogate/nats-creds/nats.creds
{{- end }}
{{- if $v.nats.tlsSecret }}
nats-ca: /etc/falcogate/nats-tls/ca.crt
{{- if $v.nats.clientCert }}
nats-cert: /etc/falcogate/nats-tls/tls.crt
nats-key: /etc/falcogate/nats-tls/tls.key
{{- end }}
{{- end }}
{{- else }}
data-dir: /var/lib/falcogate
{{- end }}
{{- end }}

{{- define "falcogate.readerConfig" -}}
{{- $v := .Values -}}
log-format: json
only: consumer
metrics-listen: "0.0.0.0:9090"
ingest-listen: ""
falco: ["unix:///run/falco/{{ $v.falco.socket.name }}"]
{{- include "falcogate.natsConfig" . }}
{{- end }}

{{- /* NAMESPACE/SELECTOR, as --falco-discover reads it. */}}
{{- define "falcogate.falcoSelector" -}}
{{- $pairs := list -}}
{{- range $key, $value := .Values.falco.selector -}}
{{- $pairs = append $pairs (printf "%s=%s" $key $value) -}}
{{- end -}}
{{ .Values.falco.namespace }}/{{ join "," $pairs }}
{{- end }}

{{- /* What those say who set other flags comes behind. */}}
{{- define "falcogate.configFile" -}}
{{ include "falcogate.config" . }}
{{- with .Values.config }}
{{ toYaml . }}
{{- end }}
{{- end }}
