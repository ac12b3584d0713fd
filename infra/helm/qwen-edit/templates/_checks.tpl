{{/*
Values that cannot work together end the render, all of them named at once. What one value may be by itself is in
values.schema.json. Each check prints a line for each thing that is wrong.
*/}}
{{- define "qwen-edit.checks" -}}
{{- $wrong := list -}}
{{- range list "Names" "Secrets" "Services" "Api" "Model" "Workers" -}}
{{- $wrong = append $wrong (include (printf "qwen-edit.check%s" .) $ | trim) -}}
{{- end -}}
{{- with join "\n" (compact $wrong) -}}
{{- fail (printf "\n\nThe values cannot work:\n%s\n" .) -}}
{{- end -}}
{{- end -}}

{{- define "qwen-edit.checkWorkers" -}}
{{- $pools := fromYaml (include "qwen-edit.pools" .) -}}
{{- if not $pools }}
- workers is empty, so that no job would ever run: name a pool, as `workers: { gpu: { kind: gpu } }`.
{{- end }}
{{- range $pool, $cfg := $pools }}
{{- include "qwen-edit.checkPool" (dict "root" $ "pool" $pool "cfg" $cfg) }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.checkSecrets" -}}
{{- $v := .Values -}}
{{- $ways := list -}}
{{- if $v.secret.existing.name }}{{ $ways = append $ways "secret.existing" }}{{ end -}}
{{- if $v.secret.external.data }}{{ $ways = append $ways "secret.external" }}{{ end -}}
{{- if $v.secret.values }}{{ $ways = append $ways "secret.values" }}{{ end -}}
{{- $keys := fromYaml (include "qwen-edit.secretKeys" .) -}}
{{- if not $ways }}
- There is no secret, and no default password: set secret.existing.name, secret.external.data, or for a trial secret.values, with DATABASE_URL.
{{- else if gt (len $ways) 1 }}
- {{ (printf "%s are set: the secret comes from one of them." (join " and " $ways)) }}
{{- else if not $keys.DATABASE_URL }}
- {{ (printf "%s has no DATABASE_URL, which every role needs." (first $ways)) }}
{{- end }}
{{- if and $v.secret.external.data (not $v.secret.external.store.name) }}
- secret.external.data is set, and secret.external.store.name does not say from which store.
{{- end }}
{{- if and (eq $v.aws.credentials "secret") $ways (not (and $keys.AWS_ACCESS_KEY_ID $keys.AWS_SECRET_ACCESS_KEY)) }}
- aws.credentials is secret, and the secret has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: name both, or use identity.
{{- else if and (ne $v.aws.credentials "secret") (or $keys.AWS_ACCESS_KEY_ID $keys.AWS_SECRET_ACCESS_KEY) }}
- The secret has keys of AWS, and aws.credentials is identity, which does not use them: set aws.credentials to secret, or leave them out.
{{- end }}
{{- if and $v.database.certificates.configMap $v.database.certificates.secret }}
- database.certificates has a configMap and a secret: the certificates come from one of them.
{{- end }}
{{- end -}}

{{- define "qwen-edit.checkServices" -}}
{{- $v := .Values -}}
{{- $sqs := $v.queue.sqs -}}
{{- if eq $v.queue.kind "sqs" }}
{{- if not $sqs.url }}
- queue.kind is sqs, and queue.sqs.url is empty: set the queue's address, or queue.kind to postgres.
{{- else if and (not (hasPrefix "https://sqs." $sqs.url)) (not $sqs.region) (not $v.aws.region) }}
- The address in queue.sqs.url does not say the region: set queue.sqs.region or aws.region.
{{- end }}
{{- else if or $sqs.url $sqs.deadLetterUrl }}
- queue.sqs has an address, and queue.kind is postgres, which does not use it: set queue.kind to sqs.
{{- end }}
{{- if eq $v.storage.kind "s3" }}
{{- if not $v.storage.s3.bucket }}
- storage.kind is s3, and storage.s3.bucket is empty: set the bucket, or storage.kind to file.
{{- end }}
{{- else }}
{{- if $v.storage.s3.bucket }}
- storage.s3.bucket is set, and storage.kind is file, which does not use it.
{{- end }}
{{- $file := $v.storage.file }}
{{- if and (eq $file.accessMode "ReadWriteOnce") (not $v.singleNode) }}
- storage.file.accessMode is ReadWriteOnce, which pods of one node can mount: use ReadWriteMany, s3, or set singleNode if all pods are on one node.
{{- end }}
{{- end }}
{{- if and (eq $v.queue.kind "sqs") (not $sqs.deadLetterUrl) }}
- queue.sqs.deadLetterUrl is empty: without it nobody looks at messages that no worker could take.
{{- end }}
{{- end -}}

{{- define "qwen-edit.checkApi" -}}
{{- $v := .Values -}}
{{- $api := $v.api -}}
{{- if and $api.autoscaling.enabled (hasKey $api "replicas") }}
- api.replicas and api.autoscaling.enabled are both set: the autoscaler decides how many there are. Remove api.replicas.
{{- end }}
{{- if and $api.autoscaling.enabled (gt (int $api.autoscaling.minReplicas) (int $api.autoscaling.maxReplicas)) }}
- api.autoscaling.minReplicas is above maxReplicas.
{{- end }}
{{- if and $api.autoscaling.enabled (not (dig "requests" "cpu" "" $api.resources)) }}
- api.autoscaling counts a share of api.resources.requests.cpu, which is not set.
{{- end }}
{{- if $api.insecure }}
{{- range $way, $open := dict "ingress.enabled" $v.ingress.enabled "gateway.enabled" $v.gateway.enabled (printf "api.service.type %s" $api.service.type) (ne $api.service.type "ClusterIP") }}
{{- if $open }}
- api.insecure answers anybody, and {{ $way }} lets others in: use API keys, or remove it.
{{- end }}
{{- end }}
{{- if not $v.networkPolicy.enabled }}
- api.insecure answers anybody, and networkPolicy.enabled is false: every pod of the cluster could use the API.
{{- end }}
{{- end }}
{{- if and $v.ingress.enabled $v.gateway.enabled }}
- ingress.enabled and gateway.enabled are both set: one of them leads to the API.
{{- end }}
{{- if and $v.gateway.enabled (not (and $v.gateway.host $v.gateway.parents)) }}
- gateway.enabled, and gateway.host or gateway.parents is empty: a route needs a name and a Gateway.
{{- end }}
{{- if $v.ingress.enabled }}
{{- if not $v.ingress.host }}
- ingress.enabled, and ingress.host is empty: callers need a name.
{{- end }}
{{- else if and (ne $api.service.type "ClusterIP") (not $v.publicUrl) }}
- {{ (printf "api.service.type is %s, and publicUrl is empty: set the address that callers use." $api.service.type) }}
{{- end }}
{{- $replicas := $api.autoscaling.enabled | ternary $api.autoscaling.minReplicas (hasKey $api "replicas" | ternary $api.replicas 2) }}
{{- include "qwen-edit.checkPdb" (dict "at" "api.pdb" "pdb" $api.pdb "replicas" $replicas) }}
{{- include "qwen-edit.checkPdb" (dict "at" "dispatcher.pdb" "pdb" $v.dispatcher.pdb "replicas" $v.dispatcher.replicas) }}
{{- if and $v.migrate.enabled (le (float64 $v.migrate.activeDeadlineSeconds) (float64 $v.migrate.waitSeconds)) }}
- migrate.activeDeadlineSeconds is not above migrate.waitSeconds: the job would be ended before it could say what it waits for.
{{- end }}
{{- if gt (len (include "qwen-edit.fullname" .)) 40 }}
- {{ (printf "The name %s is longer than 40 letters: set fullnameOverride." (include "qwen-edit.fullname" .)) }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.checkModel" -}}
{{- $m := .Values.model -}}
{{- if eq $m.source "hub" }}
{{- if eq $m.hub.accessMode "ReadOnlyMany" }}
- model.hub.accessMode is ReadOnlyMany, and a model of the hub has to be written there: use ReadWriteMany, or model.source pvc for a model that is there already.
{{- end }}
{{- if and (eq $m.hub.volume "pod") $m.hub.existingClaim }}
- model.hub.volume is pod, where each pod has a volume of its own, and model.hub.existingClaim names one for all: set volume to shared.
{{- end }}
{{- if and (eq $m.hub.accessMode "ReadWriteOnce") (eq $m.hub.volume "shared") (not .Values.singleNode) }}
{{- $most := 0 }}
{{- range $cfg := fromYaml (include "qwen-edit.pools" .) }}
{{- $most = add $most ($cfg.autoscaling.enabled | ternary $cfg.autoscaling.maxReplicas (hasKey $cfg "replicas" | ternary $cfg.replicas 1)) }}
{{- end }}
{{- if gt (int $most) 1 }}
- {{ (printf "model.hub.accessMode is ReadWriteOnce, which pods of one node can mount, and there may be %d workers: use ReadWriteMany, model.hub.volume pod, or set singleNode if all pods are on one node." (int $most)) }}
{{- end }}
{{- end }}
{{- else if eq $m.source "pvc" }}
{{- if not $m.pvc.claim }}
- model.source is pvc, and model.pvc.claim is empty: name the claim that holds the model.
{{- end }}
{{- else if eq $m.source "hostPath" }}
{{- if not $m.hostPath.path }}
- model.source is hostPath, and model.hostPath.path is empty: name the folder of the nodes that holds the model.
{{- end }}
{{- end }}
{{- if and (ne $m.source "pvc") $m.pvc.claim }}
- {{ (printf "model.pvc.claim is set, and model.source is %s, which does not use it." $m.source) }}
{{- end }}
{{- if and (ne $m.source "hostPath") $m.hostPath.path }}
- {{ (printf "model.hostPath.path is set, and model.source is %s, which does not use it." $m.source) }}
{{- end }}
{{- end -}}

{{- define "qwen-edit.checkPool" -}}
{{- $cfg := .cfg -}}
{{- $at := printf "workers.%s" .pool -}}
{{- $a := $cfg.autoscaling -}}
{{- $engines := int (include "qwen-edit.engines" $cfg) -}}
{{- if and (eq $cfg.kind "gpu") (lt (int $cfg.gpus) 1) }}
- {{ (printf "%s is of kind gpu and has gpus: 0: give it one, or use kind: cpu." $at) }}
{{- end }}
{{- if and (eq $cfg.kind "gpu") (gt (int $cfg.concurrency) 1) }}
- {{ (printf "%s.concurrency is of kind cpu: on cards each card has an engine. Set gpus." $at) }}
{{- end }}
{{- if hasKey (default dict (dig "limits" dict (default dict $cfg.resources))) $cfg.gpuResource }}
- {{ (printf "%s.resources.limits has %s: say it in gpus." $at $cfg.gpuResource) }}
{{- end }}
{{- if and (ne .root.Values.model.source "demo") (not $cfg.resources) }}
- {{ (printf "%s.resources is empty: say what the model needs, which `qwen-edit plan memory` counts." $at) }}
{{- end }}
{{- if $a.enabled }}
{{- if hasKey $cfg "replicas" }}
- {{ (printf "%s.replicas and %s.autoscaling.enabled are both set: the scaler decides how many there are. Remove replicas." $at $at) }}
{{- end }}
{{- if gt (int $a.minReplicas) (int $a.maxReplicas) }}
- {{ (printf "%s.autoscaling.minReplicas is above maxReplicas." $at) }}
{{- end }}
{{- $triggers := (fromYaml (include "qwen-edit.triggers" (dict "root" .root "cfg" $cfg))).list }}
{{- if and (has "sqs" $triggers) (ne .root.Values.queue.kind "sqs") }}
- {{ (printf "%s.autoscaling.triggers has sqs, and queue.kind is postgres: there is no queue to look at." $at) }}
{{- end }}
{{- if not (has "postgres" $triggers) }}
{{- if gt (int $a.jobsPerReplica) $engines }}
- {{ (printf "%s.autoscaling.jobsPerReplica is %d for %d engines, and the depth of SQS does not tell which pods have work: add postgres to triggers, or lower it." $at (int $a.jobsPerReplica) $engines) }}
{{- end }}
{{- if gt (int $a.minWaitSeconds) 0 }}
- {{ (printf "%s.autoscaling.minWaitSeconds needs the trigger postgres: SQS does not tell how long jobs have waited." $at) }}
{{- end }}
{{- end }}
{{- if and (gt (int $a.minWaitSeconds) 0) (has "sqs" $triggers) (has "postgres" $triggers) }}
- {{ (printf "%s.autoscaling.minWaitSeconds has no effect beside the trigger sqs, which counts every message: leave sqs out." $at) }}
{{- end }}
{{- end }}
{{- $replicas := $a.enabled | ternary $a.maxReplicas (hasKey $cfg "replicas" | ternary $cfg.replicas 1) }}
{{- include "qwen-edit.checkPdb" (dict "at" (printf "%s.pdb" $at) "pdb" $cfg.pdb "replicas" $replicas) }}
{{- end -}}

{{/* A budget that lets no pod go keeps every node from being drained. (dict "at" "api.pdb" "pdb" {} "replicas" 2) */}}
{{- define "qwen-edit.checkPdb" -}}
{{- if .pdb.enabled }}
{{- if hasKey .pdb "minAvailable" }}
{{- $least := toString .pdb.minAvailable }}
{{- if hasSuffix "%" $least }}
{{- if ge (ceil (divf (mulf (trimSuffix "%" $least | float64) .replicas) 100.0)) (float64 .replicas) }}
- {{ (printf "%s.minAvailable is %s of %d pods, so that no node could be drained: lower it, or set maxUnavailable." .at $least (int .replicas)) }}
{{- end }}
{{- else if ge (int .pdb.minAvailable) (int .replicas) }}
- {{ (printf "%s.minAvailable is %s of %d pods, so that no node could be drained: lower it, or set maxUnavailable." .at (include "qwen-edit.text" .pdb.minAvailable) (int .replicas)) }}
{{- end }}
{{- else if has (include "qwen-edit.text" .pdb.maxUnavailable) (list "0" "0%") }}
- {{ (printf "%s.maxUnavailable is 0, so that no node could be drained." .at) }}
{{- end }}
{{- end }}
{{- end -}}
