{{/*
The settings of a role that the chart decides, as YAML {VARIABLE: value}. (dict "root" . "role" "api|dispatcher|worker" "cfg" $cfg)
Passwords and keys are not among them: see qwen-edit.env.
*/}}
{{- define "qwen-edit.settings" -}}
{{- $v := .root.Values -}}
{{- $env := dict -}}
{{- if eq $v.storage.kind "s3" -}}
{{- $s3 := $v.storage.s3 -}}
{{- $_ := set $env "STORAGE_URL" (printf "s3://%s" (trimSuffix "/" (printf "%s/%s" $s3.bucket (trimPrefix "/" $s3.prefix)))) -}}
{{- with $s3.endpoint }}{{ $_ := set $env "AWS_ENDPOINT_URL_S3" . }}{{ end -}}
{{- if $s3.forcePathStyle }}{{ $_ := set $env "S3_FORCE_PATH_STYLE" "1" }}{{ end -}}
{{- if ne .role "worker" }}{{ with $s3.publicUrl }}{{ $_ := set $env "QWEN_EDIT_S3_PUBLIC_URL" . }}{{ end }}{{ end -}}
{{- else -}}
{{- $_ := set $env "STORAGE_URL" "file:/objects" -}}
{{- end -}}
{{- if eq $v.queue.kind "sqs" -}}
{{- $_ := set $env "QUEUE_URL" $v.queue.sqs.url -}}
{{- with $v.queue.sqs.endpoint }}{{ $_ := set $env "AWS_ENDPOINT_URL_SQS" . }}{{ end -}}
{{- if eq .role "dispatcher" }}{{ with $v.queue.sqs.deadLetterUrl }}{{ $_ := set $env "QUEUE_DLQ_URL" . }}{{ end }}{{ end -}}
{{- else -}}
{{- $_ := set $env "QUEUE_URL" "postgres:" -}}
{{- end -}}
{{- with $v.aws.region }}{{ $_ := set $env "AWS_REGION" . }}{{ end -}}
{{- if ne .role "worker" }}{{ with include "qwen-edit.publicUrl" .root }}{{ $_ := set $env "QWEN_EDIT_PUBLIC_URL" . }}{{ end }}{{ end -}}
{{- if eq .role "api" -}}
{{- $_ := set $env "QWEN_EDIT_DRAIN_SECONDS" .cfg.drainSeconds -}}
{{- $_ := set $env "QWEN_EDIT_GRACE_SECONDS" .cfg.graceSeconds -}}
{{- if .cfg.insecure -}}
{{- $_ := set $env "QWEN_EDIT_INSECURE" "1" -}}
{{- /* Without keys the API answers only under names that it knows. */ -}}
{{- $name := printf "%s-api" (include "qwen-edit.fullname" .root) -}}
{{- $_ := set $env "QWEN_EDIT_ALLOWED_HOSTS" (join "," (list $name (printf "%s.%s" $name .root.Release.Namespace) (printf "%s.%s.svc" $name .root.Release.Namespace))) -}}
{{- end -}}
{{- if and $v.ingress.enabled (eq $v.ingress.controller "alb") }}{{ $_ := set $env "QWEN_EDIT_KEEP_ALIVE_SECONDS" "905" }}{{ end -}}
{{- else if eq .role "worker" -}}
{{- $_ := set $env "QWEN_EDIT_GRACE_SECONDS" .cfg.graceSeconds -}}
{{- /* One card by name, so that without it the pod waits and says so, where otherwise the processor would take over. */ -}}
{{- if and (eq .cfg.kind "gpu") (eq (int .cfg.gpus) 1) (hasPrefix "nvidia.com/" .cfg.gpuResource) -}}
{{- $_ := set $env "QWEN_EDIT_DEVICES" "cuda:0" -}}
{{- end -}}
{{- if eq .cfg.kind "cpu" -}}
{{- $_ := set $env "QWEN_EDIT_FORCE_CPU" "1" -}}
{{- $_ := set $env "QWEN_EDIT_MAX_CONCURRENCY" .cfg.concurrency -}}
{{- end -}}
{{- $env = merge $env (fromYaml (include "qwen-edit.modelSettings" .root)) -}}
{{- end -}}
{{- $own := merge (dict) (default dict .cfg.settings) $v.settings -}}
{{- toYaml (merge (dict) $own $env) -}}
{{- end -}}

{{/* The variables of the secret that a role reads. Others are not in its pods. */}}
{{- define "qwen-edit.roleSecrets" -}}
{{- $all := list "DATABASE_URL" "DATABASE_DIRECT_URL" "HTTP_PROXY" "HTTPS_PROXY" -}}
{{- if eq .root.Values.aws.credentials "secret" }}{{ $all = concat $all (list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY") }}{{ end -}}
{{- if eq .role "dispatcher" }}{{ $all = append $all "QWEN_EDIT_WEBHOOK_SECRET" }}{{ end -}}
{{- if and (eq .role "worker") (eq .root.Values.model.source "hub") }}{{ $all = append $all "HF_TOKEN" }}{{ end -}}
{{- toYaml (dict "list" $all) -}}
{{- end -}}

{{/*
`env:` of a container. (dict "root" . "settings" {} "variables" [of the secret] "secret" its name "extra" [])
Where a key is missing in the secret, the pod says so and does not start.
*/}}
{{- define "qwen-edit.env" -}}
{{- $names := dict -}}
{{- range $name, $value := .settings }}
- name: {{ $name }}
  value: {{ include "qwen-edit.text" $value | quote }}
{{- $_ := set $names $name true }}
{{- end }}
{{- $keys := fromYaml (include "qwen-edit.secretKeys" .root) -}}
{{- $secret := .secret -}}
{{- range $name := .variables }}
{{- with get $keys $name }}
- name: {{ $name }}
  valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ . }} } }
{{- $_ := set $names $name true }}
{{- end }}
{{- end }}
{{- range $one := .extra }}
{{- if hasKey $names $one.name }}{{ fail (printf "\n\nextraEnv has %s, which the chart or `settings` sets already: say it in one place." $one.name) }}{{ end }}
{{- $_ := set $names $one.name true }}
- {{ toYaml $one | nindent 2 | trim }}
{{- end }}
{{- end -}}
