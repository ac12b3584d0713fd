{{/* The spec of an ExternalSecret. (dict "root" . "data" {variable: reference} "target" name) */}}
{{- define "qwen-edit.externalSecret" -}}
{{- $external := .root.Values.secret.external -}}
refreshInterval: {{ $external.refreshInterval }}
secretStoreRef: { name: {{ $external.store.name }}, kind: {{ $external.store.kind }} }
target: { name: {{ .target }}, creationPolicy: Owner }
data:
  {{- range $name, $ref := .data }}
  - secretKey: {{ $name }}
    remoteRef: {{ toJson $ref }}
  {{- end }}
{{- end -}}
