{{- define "otto.name" -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{- end -}}

{{- define "otto.selector" -}}
app.kubernetes.io/name: otto-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "otto.labels" -}}
labels:
  {{- include "otto.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "otto.metadata" -}}
name: {{ include "otto.name" . }}
{{ include "otto.labels" . }}
{{- end -}}
