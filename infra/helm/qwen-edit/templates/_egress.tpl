{{/* Where pods may call. (dict "root" . "rules" (list "database" "services" "world")) */}}
{{- define "qwen-edit.egress" -}}
{{- $egress := .root.Values.networkPolicy.egress -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
  to:
    {{- toYaml $egress.dns.to | nindent 4 }}
{{- $root := .root }}
{{- range .rules }}
{{- $rule := get $egress . }}
{{- $ports := $rule.ports }}
{{- if eq . "services" }}{{ $ports = concat $ports (fromYaml (include "qwen-edit.endpointPorts" $root)).list | uniq | sortAlpha }}{{ end }}
- ports:
    {{- range $ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
  to:
    {{- toYaml $rule.to | nindent 4 }}
{{- end }}
{{- with $egress.extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Ports of the addresses that the values name, as 9000 of a MinIO in the cluster. */}}
{{- define "qwen-edit.endpointPorts" -}}
{{- $ports := list 443 -}}
{{- range compact (list .Values.storage.s3.endpoint .Values.queue.sqs.endpoint .Values.model.hub.endpoint) -}}
{{- $url := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) -}}
{{- $ports = append $ports (int (default (ternary "80" "443" (eq $url.scheme "http")) $port)) -}}
{{- end -}}
{{- toYaml (dict "list" $ports) -}}
{{- end -}}
