{{/* A pod that runs one command and ends. */}}
{{- define "qwen-edit.smallPod" -}}
{{- $v := .root.Values -}}
{{- $own := dict "root" .root "cfg" .cfg -}}
{{- $extraMounts := (fromYaml (include "qwen-edit.extra" (merge (dict "name" "extraVolumeMounts") $own))).list -}}
restartPolicy: Never
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $v.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml $v.defaults.podSecurityContext | nindent 2 }}
{{- with $v.defaults.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.defaults.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.defaults.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .name }}
    image: {{ include "qwen-edit.image" (dict "root" .root "image" "api" "tag" "") }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: {{ toJson .args }}
    {{- with include "qwen-edit.env" (dict "root" .root "settings" (default dict .settings) "variables" .variables "secret" .secret "extra" $v.defaults.extraEnv) | trim }}
    env:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .cfg.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- toYaml $v.defaults.securityContext | nindent 6 }}
    volumeMounts:
      - { name: data, mountPath: /data }
      {{- with include "qwen-edit.certificateMount" .root | trim }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with $extraMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: data
    emptyDir: { sizeLimit: 64Mi }
  {{- with include "qwen-edit.certificateVolume" .root }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $v.defaults.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
