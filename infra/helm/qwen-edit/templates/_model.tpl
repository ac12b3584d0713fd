{{/* Where the model lies, as settings of workers. */}}
{{- define "qwen-edit.modelSettings" -}}
{{- $m := .Values.model -}}
{{- $env := dict -}}
{{- $place := trimSuffix "/" (printf "/models/%s" (trimAll "/" $m.path)) -}}
{{- if eq $m.source "hub" -}}
{{- $_ := set $env "QWEN_EDIT_MODEL" $m.name -}}
{{- with $m.hub.endpoint }}{{ $_ := set $env "HF_ENDPOINT" . }}{{ end -}}
{{- else if ne $m.source "demo" -}}
{{- $_ := set $env "QWEN_EDIT_OFFLOAD_FOLDER" "/prepared" -}}
{{- if eq $m.layout "cache" -}}
{{- $_ := set $env "QWEN_EDIT_MODEL" $m.name -}}
{{- $_ := set $env "HF_HOME" $place -}}
{{- $_ := set $env "HF_HUB_OFFLINE" "1" -}}
{{- else -}}
{{- $_ := set $env "QWEN_EDIT_2511_DIR" $place -}}
{{- end -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}

{{/* Name of the claim with the model; empty where each pod has a volume of its own. */}}
{{- define "qwen-edit.modelClaim" -}}
{{- $m := .Values.model -}}
{{- if eq $m.source "pvc" -}}{{ $m.pvc.claim }}
{{- else if and (eq $m.source "hub") (eq $m.hub.volume "shared") -}}{{ default (printf "%s-models" (include "qwen-edit.fullname" .)) $m.hub.existingClaim }}
{{- else if and (eq $m.source "hostPath") (eq $m.hostPath.as "persistentVolume") -}}{{ printf "%s-models" (include "qwen-edit.fullname" .) }}
{{- end -}}
{{- end -}}

{{/* Volumes of a worker beside its data folder. */}}
{{- define "qwen-edit.modelVolumes" -}}
{{- $m := .Values.model -}}
{{- $reads := has $m.source (list "pvc" "hostPath") -}}
- name: models
{{- if eq $m.source "demo" }}
  emptyDir: { sizeLimit: 2Gi }
{{- else if and (eq $m.source "hub") (eq $m.hub.volume "pod") }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $m.hub.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources: { requests: { storage: {{ $m.hub.size }} } }
{{- else if and (eq $m.source "hostPath") (eq $m.hostPath.as "pod") }}
  hostPath: { path: {{ $m.hostPath.path }}, type: Directory }
{{- else }}
  persistentVolumeClaim: { claimName: {{ include "qwen-edit.modelClaim" . }}{{ if $reads }}, readOnly: true{{ end }} }
{{- end }}
{{- if $reads }}
- name: prepared
{{- with $m.prepared.existingClaim }}
  persistentVolumeClaim: { claimName: {{ . }} }
{{- else }}
  emptyDir: { sizeLimit: {{ $m.prepared.size }} }
{{- end }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.modelMounts" -}}
{{- $reads := has .Values.model.source (list "pvc" "hostPath") -}}
- { name: models, mountPath: /models{{ if $reads }}, readOnly: true{{ end }} }
{{- if $reads }}
- { name: prepared, mountPath: /prepared }
{{- end }}
{{- end -}}

{{/* Arguments of the container that runs before a worker, as YAML {name, args}; empty where none does. */}}
{{- define "qwen-edit.modelFirst" -}}
{{- $m := .Values.model -}}
{{- if and (eq $m.source "hub") (eq $m.hub.pull "init") -}}
{{- toYaml (dict "name" "model-pull" "args" (list "model" "pull")) -}}
{{- else if and (has $m.source (list "pvc" "hostPath")) $m.check -}}
{{- $args := list "model" "verify" "--quick" -}}
{{- if eq $m.layout "cache" }}{{ $args = append $args $m.name }}{{ end -}}
{{- toYaml (dict "name" "model-check" "args" $args) -}}
{{- end -}}
{{- end -}}
