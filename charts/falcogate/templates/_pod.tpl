{{- define "falcogate.podMetadata" -}}
labels:
  {{- include "falcogate.labels" . | nindent 2 }}
  {{- with .Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # The configuration is read at the start.
  checksum/config: {{ include (print $.Template.BasePath "/configmap.yaml") . | sha256sum }}
  {{- with .Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "falcogate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "falcogate.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{- /* Secrets that are mounted, as directory: secret. */}}
{{- define "falcogate.natsSecrets" -}}
{{- with .Values.nats.credsSecret }}
nats-creds: {{ . }}
{{- end }}
{{- with .Values.nats.tlsSecret }}
nats-tls: {{ . }}
{{- end }}
{{- end }}

{{- define "falcogate.secrets" -}}
{{- $v := .Values }}
{{- with include "falcogate.tlsSecret" . }}
tls: {{ . }}
{{- end }}
{{- if has $v.auth.mode (list "token" "mtls") }}
auth: {{ $v.auth.secret }}
{{- end }}
{{- with $v.signingSecret }}
signing: {{ . }}
{{- end }}
{{- if and (eq $v.falco.output "http") $v.falco.http.tlsSecret }}
ingest: {{ $v.falco.http.tlsSecret }}
{{- end }}
{{- if eq $v.falco.output "discover" }}
falco: {{ $v.falco.discover.tlsSecret }}
{{- end }}
{{- include "falcogate.natsSecrets" . }}
{{- end }}

{{- define "falcogate.podSpec" -}}
{{- $v := .Values -}}
{{- $secrets := fromYaml (include "falcogate.secrets" .) -}}
serviceAccountName: {{ include "falcogate.serviceAccount" . }}
automountServiceAccountToken: {{ or $v.placements (eq $v.auth.mode "kubernetes") (eq $v.falco.output "discover") }}
terminationGracePeriodSeconds: {{ $v.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with $v.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "falcogate.selectorLabels" . | nindent 8 }}
        app.kubernetes.io/component: gate
containers:
  - name: falcogate
    image: {{ include "falcogate.image" . | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: [serve, --config=/etc/falcogate/config/falcogate.yaml]
    securityContext: {{- include "falcogate.containerSecurity" . | nindent 6 }}
    ports:
      - {name: api, containerPort: 8080}
      - {name: metrics, containerPort: 9090}
      {{- if eq $v.falco.output "http" }}
      - {name: ingest, containerPort: 2801}
      {{- end }}
    {{- include "falcogate.probes" . | nindent 4 }}
    resources: {{- toYaml $v.resources | nindent 6 }}
    volumeMounts:
      - {name: config, mountPath: /etc/falcogate/config, readOnly: true}
      {{- range $name, $_ := $secrets }}
      - {name: {{ $name }}, mountPath: /etc/falcogate/{{ $name }}, readOnly: true}
      {{- end }}
      {{- if not $v.nats.url }}
      - {name: data, mountPath: /var/lib/falcogate}
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "falcogate.fullname" . }}
      items: [{key: falcogate.yaml, path: falcogate.yaml}]
  {{- range $name, $secret := $secrets }}
  - name: {{ $name }}
    secret: {secretName: {{ $secret | quote }}, defaultMode: 0440}
  {{- end }}
{{- end }}
