{{/* Names, labels, images, accounts. */}}

{{- define "qwen-edit.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name }}{{- else -}}{{ printf "%s-%s" .Release.Name $name }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a Service, a Deployment and a policy select by. (dict "root" . "component" "api" "pool" "") */}}
{{- define "qwen-edit.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .pool }}
qwen-edit/pool: {{ . }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.labels" -}}
{{ include "qwen-edit.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod: without the chart's version, which would start pods anew that have not changed. */}}
{{- define "qwen-edit.podLabels" -}}
{{ include "qwen-edit.selector" . }}
{{- with merge (dict) (default dict .own) .root.Values.defaults.podLabels .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image with its registry, and its digest or tag. (dict "root" . "image" "worker" "tag" "") */}}
{{- define "qwen-edit.image" -}}
{{- $image := get .root.Values.image .image -}}
{{- $name := $image.repository -}}
{{- with .root.Values.image.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if and $image.digest (not .tag) -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default (default .root.Chart.AppVersion .root.Values.image.tag) .tag) -}}
{{- end -}}
{{- end -}}

{{/* (dict "root" . "role" "api") */}}
{{- define "qwen-edit.account" -}}
{{- $account := get .root.Values.serviceAccounts .role -}}
{{- if $account.name -}}{{ $account.name }}
{{- else if $account.create -}}{{ printf "%s-%s" (include "qwen-edit.fullname" .root) .role }}
{{- else -}}default{{- end -}}
{{- end -}}

{{/* The variables that the secret has, as YAML: variable: key. */}}
{{- define "qwen-edit.secretKeys" -}}
{{- $keys := dict -}}
{{- if .Values.secret.existing.name -}}
{{- $keys = .Values.secret.existing.keys -}}
{{- else -}}
{{- range $name, $_ := merge (dict) .Values.secret.external.data .Values.secret.values }}{{ $_ := set $keys $name $name }}{{ end -}}
{{- end -}}
{{- toYaml $keys -}}
{{- end -}}

{{/* The secret of the roles. Hooks run before it is there: see qwen-edit.migrateSecret. */}}
{{- define "qwen-edit.secret" -}}
{{- default (include "qwen-edit.fullname" .) .Values.secret.existing.name -}}
{{- end -}}

{{- define "qwen-edit.migrateSecret" -}}
{{- default (printf "%s-migrate" (include "qwen-edit.fullname" .)) .Values.secret.existing.name -}}
{{- end -}}

{{/* The variables of the secret with which the database is migrated. */}}
{{- define "qwen-edit.migrateVariables" -}}
{{- $keys := fromYaml (include "qwen-edit.secretKeys" .) -}}
{{- toYaml (pick $keys "DATABASE_URL" "DATABASE_DIRECT_URL") -}}
{{- end -}}

{{- define "qwen-edit.publicUrl" -}}
{{- if .Values.publicUrl -}}{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled -}}
{{- printf "%s://%s" (ternary "https" "http" .Values.ingress.tls.enabled) .Values.ingress.host -}}
{{- else if .Values.gateway.enabled -}}
{{- printf "https://%s" .Values.gateway.host -}}
{{- end -}}
{{- end -}}

{{/* The pools by name, each with workerDefaults, as YAML. One that a later values file sets to null is none. */}}
{{- define "qwen-edit.pools" -}}
{{- $pools := dict -}}
{{- range $pool, $own := .Values.workers -}}
{{- if not (kindIs "invalid" $own) -}}
{{- $_ := set $pools $pool (mergeOverwrite (deepCopy $.Values.workerDefaults) (deepCopy $own)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $pools -}}
{{- end -}}

{{/* Engines of a pod of the pool: each card has one. */}}
{{- define "qwen-edit.engines" -}}
{{- if eq .kind "gpu" }}{{ .gpus }}{{ else }}{{ .concurrency }}{{ end -}}
{{- end -}}

{{/* A number as a person writes it: 2000000000, not 2e+09. */}}
{{- define "qwen-edit.text" -}}
{{- if or (kindIs "float64" .) (kindIs "int64" .) (kindIs "int" .) -}}
{{- if eq (floor .) (float64 .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* Lists of the defaults and of a role, one after the other. (dict "root" . "cfg" $cfg "name" "extraEnv") gives YAML {list: []}. */}}
{{- define "qwen-edit.extra" -}}
{{- toYaml (dict "list" (concat (get .root.Values.defaults .name) (default list (get .cfg .name)))) -}}
{{- end -}}

{{/* A value of a role, else of the defaults. (dict "root" . "cfg" $cfg "name" "tolerations") gives YAML {value: ...}. */}}
{{- define "qwen-edit.own" -}}
{{- toYaml (dict "value" (ternary (get .cfg .name) (get .root.Values.defaults .name) (hasKey .cfg .name))) -}}
{{- end -}}
