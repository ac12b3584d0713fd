{{/* Names that are free as far as the schema goes: settings, variables of the secret, pools. */}}
{{- define "qwen-edit.checkNames" -}}
{{- $v := .Values -}}
{{- $places := dict "settings" $v.settings "api.settings" $v.api.settings "dispatcher.settings" $v.dispatcher.settings
  "workerDefaults.settings" $v.workerDefaults.settings -}}
{{- range $pool, $cfg := fromYaml (include "qwen-edit.pools" .) }}
{{- $_ := set $places (printf "workers.%s.settings" $pool) $cfg.settings }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$" $pool) }}
- workers.{{ $pool }}: a pool's name has 1 to 12 lower-case letters, digits and hyphens, and begins with a letter.
{{- end }}
{{- end }}
{{- $known := fromYaml (.Files.Get "files/settings.yaml") }}
{{- range $place, $settings := $places }}
{{- range $name, $_ := $settings }}
{{- if hasKey $known.decided $name }}
- {{ $place }}.{{ $name }}: this is decided by {{ get $known.decided $name }}.
{{- else if not (has $name $known.free) }}
- {{ $place }}.{{ $name }}: this version has no such setting. docs/configuration.md lists them; other variables go into extraEnv.
{{- end }}
{{- end }}
{{- end }}
{{- $variables := list "DATABASE_URL" "DATABASE_DIRECT_URL" "KEDA_DATABASE_URL" "QWEN_EDIT_WEBHOOK_SECRET" "HF_TOKEN" "AWS_ACCESS_KEY_ID"
  "AWS_SECRET_ACCESS_KEY" "QWEN_EDIT_API_KEY" "HTTP_PROXY" "HTTPS_PROXY" }}
{{- range $place, $names := dict "secret.existing.keys" $v.secret.existing.keys "secret.external.data" $v.secret.external.data "secret.values" $v.secret.values }}
{{- range $name, $_ := $names }}
{{- if not (has $name $variables) }}
- {{ $place }}.{{ $name }}: the chart takes {{ join ", " $variables }} from the secret.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
