import type { DashboardSpec } from './dashboard.ts';
import { graph, stat, table } from './panels.ts';
import { DEVICES, increase, OF_DEVICE, orNone, percentiles, rate } from './queries.ts';

/** How jobs come, wait and end. */
export const queue: DashboardSpec = {
  name: 'queue',
  title: 'Qwen Edit: queue and jobs',
  description: 'How jobs come, how long they wait, and what becomes of them.',
  variables: [DEVICES],
  rows: [
    {
      panels: [
        stat({
          title: 'Jobs that wait',
          description: 'Jobs that have not been begun, of all owners.',
          unit: 'short',
          queries: [{ expr: 'max(qwen_edit_jobs{status="queued"})', legend: 'waiting' }],
          width: 4,
        }),
        stat({
          title: 'Jobs that run',
          description: 'Jobs that a worker holds now.',
          unit: 'short',
          queries: [{ expr: 'max(qwen_edit_jobs{status="running"})', legend: 'running' }],
          width: 4,
        }),
        stat({
          title: 'Oldest waiting job',
          description: 'How long the oldest job has waited that could be begun.',
          unit: 's',
          queries: [{ expr: 'max(qwen_edit_queue_age_seconds)', legend: 'age' }],
          limits: { worse: 'higher', warn: 300, bad: 900 },
          runbook: 'qweneditqueueold',
          width: 4,
        }),
        stat(
          {
            title: 'Jobs accepted',
            description: 'In the time shown, by all APIs.',
            unit: 'short',
            queries: [{ expr: `sum(${increase('qwen_edit_jobs_submitted_total')})`, legend: 'accepted' }],
            width: 4,
          },
          { decimals: 0 },
        ),
        stat(
          {
            title: 'Leases lost',
            description:
              'In the time shown: jobs of workers that were killed or cut off from the database. They begin again elsewhere, or fail after their last attempt.',
            unit: 'short',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_attempts_total', 'code="worker_lost"')}) or vector(0)`,
                legend: 'lost',
              },
            ],
            limits: { worse: 'higher', warn: 1, bad: 5 },
            runbook: 'qweneditleaseslost',
            width: 4,
          },
          { decimals: 0 },
        ),
        stat(
          {
            title: 'Failed rounds',
            description:
              'In the time shown: rounds of the background loops that failed. The log names the loop and the cause.',
            unit: 'short',
            queries: [{ expr: `sum(${increase('qwen_edit_loop_errors_total')}) or vector(0)`, legend: 'failed' }],
            limits: { worse: 'higher', warn: 1, bad: 20 },
            runbook: 'qweneditlooperrors',
            width: 4,
          },
          { decimals: 0 },
        ),
      ],
    },
    {
      title: 'The queue',
      panels: [
        graph({
          title: 'Jobs that wait and run',
          description: 'Of the whole deployment.',
          unit: 'short',
          queries: [{ expr: 'max by (status) (qwen_edit_jobs)', legend: '{{status}}' }],
          width: 12,
        }),
        graph({
          title: 'Age of the oldest waiting job',
          description:
            'A steady line at some seconds is normal; one that rises for minutes means that no worker takes jobs, or too few.',
          unit: 's',
          queries: [{ expr: 'max(qwen_edit_queue_age_seconds)', legend: 'oldest' }],
          limits: { worse: 'higher', warn: 300, bad: 900 },
          runbook: 'qweneditqueueold',
          width: 12,
        }),
        graph({
          title: 'From submission to the first claim',
          description: 'How long jobs waited until a worker took them, of those taken at that time.',
          unit: 's',
          queries: percentiles('qwen_edit_queue_wait_seconds'),
          width: 12,
        }),
        graph({
          title: 'Workers',
          description:
            'Workers that were heard of in the last 30 s. Those that are not ready load a model, or `/health` has their last error.',
          unit: 'short',
          queries: [
            { expr: 'max(qwen_edit_workers{ready="true"})', legend: 'take jobs' },
            { expr: 'max(qwen_edit_workers{ready="false"})', legend: 'do not' },
          ],
          runbook: 'qweneditnoreadyworker',
          width: 12,
        }),
      ],
    },
    {
      title: 'How jobs end',
      panels: [
        graph(
          {
            title: 'Jobs accepted, each minute, by form',
            description: '`json` and `multipart` are posted to /v1/jobs; `edit` waits for its answer.',
            unit: 'cpm',
            queries: [{ expr: `60 * sum by (form) (${rate('qwen_edit_jobs_submitted_total')})`, legend: '{{form}}' }],
            width: 12,
          },
          { stacked: true },
        ),
        graph(
          {
            title: 'Attempts that end, each minute',
            description: 'By what became of the job. A job that is retried has several attempts.',
            unit: 'cpm',
            queries: [
              { expr: `60 * sum by (outcome) (${rate('qwen_edit_attempts_total', OF_DEVICE)})`, legend: '{{outcome}}' },
            ],
            width: 12,
          },
          { stacked: true },
        ),
        table(
          {
            title: 'What went wrong in the time shown',
            description:
              'Attempts that ended with an error, by code. docs/api.md says what each code means. No device: a dispatcher ended it.',
            unit: 'short',
            queries: [
              {
                expr: `round(sum by (outcome, code, device) (${increase('qwen_edit_attempts_total', `code!="", ${OF_DEVICE}`)})) > 0`,
                legend: '',
              },
            ],
            runbook: 'qweneditjobsfail',
            width: 12,
          },
          { code: 'Code', outcome: 'What became of the job', device: 'Device', Value: 'Attempts' },
        ),
        graph({
          title: 'Objects that are to be deleted',
          description:
            'Pictures whose jobs are gone. `refused`: the storage did not delete them; the log has the key and the reason.',
          unit: 'short',
          queries: [{ expr: 'max by (state) (qwen_edit_objects_to_delete)', legend: '{{state}}' }],
          runbook: 'qweneditobjectsrefused',
          width: 6,
        }),
        graph({
          title: 'Failed rounds of loops, each minute',
          description: 'Of workers and dispatchers. One that goes on for minutes keeps a part of a role from its work.',
          unit: 'cpm',
          queries: [
            { expr: orNone(`60 * sum by (loop) (${rate('qwen_edit_loop_errors_total')})`, 'loop'), legend: '{{loop}}' },
          ],
          runbook: 'qweneditlooperrors',
          width: 6,
        }),
      ],
    },
  ],
};
