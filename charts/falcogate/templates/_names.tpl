{{- define "falcogate.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "falcogate.fullname" -}}
{{- $name := include "falcogate.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "falcogate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "falcogate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "falcogate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "falcogate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "falcogate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end }}

{{- define "falcogate.serviceAccount" -}}
{{ default (include "falcogate.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* The Secret with the API's certificate; empty for plain HTTP. */}}
{{- define "falcogate.tlsSecret" -}}
{{- if eq .Values.tls.source "secret" -}}
{{ .Values.tls.secret }}
{{- else if ne .Values.tls.source "none" -}}
{{ include "falcogate.fullname" . }}-tls
{{- end -}}
{{- end }}

{{- define "falcogate.scheme" -}}
{{ ternary "http" "https" (eq .Values.tls.source "none") }}
{{- end }}

{{- define "falcogate.server" -}}
{{ include "falcogate.scheme" . }}://{{ include "falcogate.fullname" . }}.{{ .Release.Namespace }}.svc:8080
{{- end }}
