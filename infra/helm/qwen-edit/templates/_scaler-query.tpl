{{/* What this chart's workers understand: CONTRACT_VERSION of packages/contract. Newer jobs are no reason for more of them. */}}
{{- define "qwen-edit.contractVersion" -}}4{{- end -}}

{{/*
How many pods a pool should have, as one number; KEDA asks for one pod for each (`targetQueryValue: 1`). (dict "root" . "cfg" $cfg "name" Deployment)
demand: jobs that a worker could begin now, the first in the queue first; one counts once more for each ageSeconds that it has waited.
busy: the pool's own running jobs, and the pods that they are in. A pod's name is the host of its workers.
Never fewer pods than have work, and never more than there are jobs for.
*/}}
{{- define "qwen-edit.scalerQuery" -}}
{{- $a := .cfg.autoscaling -}}
{{- $engines := int (include "qwen-edit.engines" .cfg) -}}
{{- $jobs := int (default $engines $a.jobsPerReplica) -}}
{{- $letters := "[bcdfghjklmnpqrstvwxz2456789]" -}}
with demand as (
  select least({{ $a.maxWeight }}, 1 + floor(extract(epoch from now() - run_after) / {{ $a.ageSeconds }})) as weight
  from jobs
  where status = 'queued' and run_after <= now() - interval '{{ $a.minWaitSeconds }} seconds'
    and (deadline_at is null or deadline_at > now())
    and needs_version <= {{ include "qwen-edit.contractVersion" . }}
  order by queue_rank, id
  limit {{ mul $jobs (int $a.maxReplicas) }}
), busy as (
  select count(*) as jobs, count(distinct workers.host) as pods
  from jobs join workers on workers.id = jobs.worker_id
  where jobs.status = 'running' and workers.host ~ '^{{ .name }}-{{ $letters }}+-{{ $letters }}{5}$'
)
select greatest(
  busy.pods,
  least(
    ceil((busy.jobs + waiting.weight) / {{ $jobs }}),
    ceil((busy.jobs + waiting.jobs) / {{ $engines }}.0)
  )
)::double precision as pods
from busy, (select count(*) as jobs, coalesce(sum(weight), 0) as weight from demand) as waiting
{{- end -}}

{{/* The region of the queue: what is said, else what its address says. */}}
{{- define "qwen-edit.queueRegion" -}}
{{- default (default (regexReplaceAll "^https?://sqs\\.([a-z0-9-]+)\\.amazonaws\\.com.*$" .Values.queue.sqs.url "${1}") .Values.aws.region) .Values.queue.sqs.region -}}
{{- end -}}

{{/* What scales a pool, as YAML {list: []}. */}}
{{- define "qwen-edit.triggers" -}}
{{- toYaml (dict "list" (default (list .root.Values.queue.kind) .cfg.autoscaling.triggers)) -}}
{{- end -}}
