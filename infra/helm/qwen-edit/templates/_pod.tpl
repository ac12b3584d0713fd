{{/*
A pod of a role: `metadata` and `spec` of a template.
(dict "root" . "role" "api|dispatcher|worker" "cfg" $cfg "pool" "" "image" "api" "port" 7860 "graceSeconds" 30 "tolerations" [])
*/}}
{{- define "qwen-edit.pod" -}}
{{- $root := .root -}}
{{- $v := .root.Values -}}
{{- $cfg := .cfg -}}
{{- $own := dict "root" $root "cfg" $cfg -}}
{{- $settings := fromYaml (include "qwen-edit.settings" (dict "root" $root "role" .role "cfg" $cfg)) -}}
{{- $variables := (fromYaml (include "qwen-edit.roleSecrets" (dict "root" $root "role" .role))).list -}}
{{- $extraEnv := (fromYaml (include "qwen-edit.extra" (merge (dict "name" "extraEnv") $own))).list -}}
{{- $extraVolumes := (fromYaml (include "qwen-edit.extra" (merge (dict "name" "extraVolumes") $own))).list -}}
{{- $extraMounts := (fromYaml (include "qwen-edit.extra" (merge (dict "name" "extraVolumeMounts") $own))).list -}}
{{- $env := include "qwen-edit.env" (dict "root" $root "settings" $settings "variables" $variables "secret" (include "qwen-edit.secret" $root) "extra" $extraEnv) | trim -}}
{{- $image := include "qwen-edit.image" (dict "root" $root "image" .image "tag" $cfg.imageTag) -}}
{{- $worker := eq .role "worker" -}}
{{- $file := eq $v.storage.kind "file" -}}
{{- $mounts := include "qwen-edit.mounts" (dict "root" $root "role" .role "extra" $extraMounts) -}}
metadata:
  labels:
    {{- include "qwen-edit.podLabels" (dict "root" $root "component" .role "pool" .pool "own" $cfg.podLabels) | nindent 4 }}
  annotations:
    {{- if $v.secret.values }}
    checksum/secret: {{ toYaml $v.secret.values | sha256sum }}
    {{- end }}
    kubectl.kubernetes.io/default-container: {{ .role }}
    {{- with merge (dict) (default dict $cfg.podAnnotations) $v.defaults.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "qwen-edit.account" (dict "root" $root "role" .role) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .graceSeconds }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- toYaml $v.defaults.podSecurityContext | nindent 4 }}
  {{- range $name := list "priorityClassName" "nodeSelector" "affinity" }}
  {{- with (fromYaml (include "qwen-edit.own" (merge (dict "name" $name) $own))).value }}
  {{ $name }}:{{ if kindIs "string" . }} {{ . }}{{ else }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- end }}
  {{- end }}
  {{- with default .tolerations (fromYaml (include "qwen-edit.own" (merge (dict "name" "tolerations") $own))).value }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $worker }}
  {{- with $cfg.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- end }}
  {{- with $cfg.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ toYaml . | nindent 6 | trim }}
      {{- if not .labelSelector }}
      labelSelector:
        matchLabels:
          {{- include "qwen-edit.selector" (dict "root" $root "component" $.role "pool" $.pool) | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
  {{- end }}
  {{- if $worker }}
  {{- with fromYaml (include "qwen-edit.modelFirst" $root) }}
  initContainers:
    - name: {{ .name }}
      image: {{ $image }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{ toJson .args }}
      env: {{- $env | nindent 8 }}
      resources:
        requests: { cpu: 100m, memory: 256Mi }
        limits: { memory: 2Gi }
      # What it printed last is in the pod's status.
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- toYaml $v.defaults.securityContext | nindent 8 }}
      volumeMounts:
        {{- $mounts | nindent 8 }}
  {{- end }}
  {{- end }}
  containers:
    - name: {{ .role }}
      image: {{ $image }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [{{ .role }}]
      ports:
        - { name: {{ if $worker }}metrics{{ else if eq .role "api" }}http{{ else }}metrics{{ end }}, containerPort: {{ .port }} }
      env: {{- $env | nindent 8 }}
      startupProbe:
        httpGet: { path: /livez, port: {{ .port }} }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /livez, port: {{ .port }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: {{ if eq .role "api" }}/readyz{{ else }}/livez{{ end }}, port: {{ .port }} }
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- with .resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext:
        {{- toYaml $v.defaults.securityContext | nindent 8 }}
      volumeMounts:
        {{- $mounts | nindent 8 }}
  volumes:
    {{- if and $file (not $worker) }}
    - name: objects
      persistentVolumeClaim: { claimName: {{ include "qwen-edit.fileClaim" $root }} }
    {{- else }}
    - name: data
      emptyDir: { sizeLimit: {{ default "64Mi" $cfg.dataSize }} }
    {{- if $file }}
    - name: objects
      persistentVolumeClaim: { claimName: {{ include "qwen-edit.fileClaim" $root }} }
    {{- end }}
    {{- end }}
    {{- if $worker }}
    {{- include "qwen-edit.modelVolumes" $root | nindent 4 }}
    {{- end }}
    {{- with include "qwen-edit.certificateVolume" $root }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* With file storage, api and dispatcher share a data folder: the secret there signs the addresses of files. */}}
{{- define "qwen-edit.mounts" -}}
{{- $file := eq .root.Values.storage.kind "file" -}}
{{- if and $file (ne .role "worker") -}}
- { name: objects, mountPath: /data, subPath: data }
{{- else -}}
- { name: data, mountPath: /data }
{{- end }}
{{- if $file }}
- { name: objects, mountPath: /objects, subPath: objects }
{{- end }}
{{- if eq .role "worker" }}
{{ include "qwen-edit.modelMounts" .root }}
{{- end }}
{{- include "qwen-edit.certificateMount" .root }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.fileClaim" -}}
{{- default (printf "%s-objects" (include "qwen-edit.fullname" .)) .Values.storage.file.existingClaim -}}
{{- end -}}

{{- define "qwen-edit.certificateVolume" -}}
{{- with .Values.database.certificates -}}
{{- if .configMap -}}
- name: certificates
  configMap: { name: {{ .configMap }} }
{{- else if .secret -}}
- name: certificates
  secret: { secretName: {{ .secret }}, defaultMode: 0440 }
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "qwen-edit.certificateMount" -}}
{{- with .Values.database.certificates }}
{{- if or .configMap .secret }}
- { name: certificates, mountPath: /etc/qwen-edit/database, readOnly: true }
{{- end }}
{{- end }}
{{- end -}}
