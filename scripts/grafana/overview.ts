import type { DashboardSpec } from './dashboard.ts';
import { graph, stat } from './panels.ts';
import { increase, percentileOf, percentiles, rate } from './queries.ts';

const ENDED_WELL = 'outcome="succeeded"';
const ENDED = 'outcome=~"succeeded|failed|expired"';

/** The first look: does it work, does it keep up, and if not, where to go on. */
export const overview: DashboardSpec = {
  name: 'overview',
  title: 'Qwen Edit: overview',
  description: 'Does the service work, and does it keep up? The other dashboards have the details.',
  variables: [],
  rows: [
    {
      panels: [
        stat({
          title: 'Workers that take jobs',
          description:
            'Workers that were heard of in the last 30 s and take jobs. At 0 every job waits: `/health` says why.',
          unit: 'short',
          queries: [{ expr: 'max(qwen_edit_workers{ready="true"})', legend: 'ready' }],
          limits: { worse: 'lower', warn: 1, bad: 0.5 },
          runbook: 'qweneditnoreadyworker',
          width: 4,
        }),
        stat({
          title: 'Jobs that wait',
          description: 'Jobs that have not been begun, of all owners.',
          unit: 'short',
          queries: [{ expr: 'max(qwen_edit_jobs{status="queued"})', legend: 'waiting' }],
          width: 4,
        }),
        stat({
          title: 'Oldest waiting job',
          description:
            'How long the oldest job has waited that could be begun. It grows while workers are too few, or none takes jobs.',
          unit: 's',
          queries: [{ expr: 'max(qwen_edit_queue_age_seconds)', legend: 'age' }],
          limits: { worse: 'higher', warn: 300, bad: 900 },
          runbook: 'qweneditqueueold',
          width: 4,
        }),
        stat(
          {
            title: 'Edits that succeed',
            description:
              'Of the jobs that ended in the time shown, how many gave a picture. Jobs that callers cancelled do not count.',
            unit: 'percentunit',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_attempts_total', ENDED_WELL)}) / sum(${increase('qwen_edit_attempts_total', ENDED)})`,
                legend: 'succeeded',
              },
            ],
            limits: { worse: 'lower', warn: 0.99, bad: 0.95 },
            runbook: 'qweneditjobsfail',
            width: 4,
          },
          { decimals: 1, noValue: 'no job has ended' },
        ),
        stat(
          {
            title: 'Requests that fail',
            description:
              'Answers with a status of 500 or more, of all answers in the time shown. Callers did nothing wrong there.',
            unit: 'percentunit',
            queries: [
              {
                expr: `(sum(${increase('qwen_edit_http_request_seconds_count', 'status=~"5.."')}) or vector(0)) / sum(${increase('qwen_edit_http_request_seconds_count')})`,
                legend: 'failed',
              },
            ],
            limits: { worse: 'higher', warn: 0.001, bad: 0.01 },
            runbook: 'qwenediterrorbudgetburnsfast',
            width: 4,
          },
          { decimals: 2 },
        ),
        stat({
          title: 'Alerts that fire',
          description:
            'Rules of Prometheus that fire now; its page Alerts names them, and the runbook says what to do.',
          unit: 'short',
          queries: [{ expr: 'count(ALERTS{alertstate="firing"}) or vector(0)', legend: 'firing' }],
          limits: { worse: 'higher', warn: 1, bad: 3 },
          width: 4,
        }),
      ],
    },
    {
      title: 'Work',
      panels: [
        graph({
          title: 'Jobs that wait and run',
          description: 'Of the whole deployment. If more wait for hours while all workers run jobs, add workers.',
          unit: 'short',
          queries: [{ expr: 'max by (status) (qwen_edit_jobs)', legend: '{{status}}' }],
          width: 12,
        }),
        graph(
          {
            title: 'Attempts that end, each minute',
            description:
              'By what became of the job. `retried` and `lost` begin again later, `released` was given back by a worker that stopped.',
            unit: 'cpm',
            queries: [{ expr: `60 * sum by (outcome) (${rate('qwen_edit_attempts_total')})`, legend: '{{outcome}}' }],
            width: 12,
          },
          { stacked: true },
        ),
      ],
    },
    {
      title: 'Time',
      panels: [
        graph({
          title: 'From submission to the end of a job',
          description: 'What a caller waits for, of jobs that a worker ended.',
          unit: 's',
          queries: percentiles('qwen_edit_job_seconds'),
          width: 12,
        }),
        graph({
          title: 'Waiting and working',
          description:
            'Which part of that time is spent in the queue, and which in the slowest stage of an edit. 95 of 100 take at most so long.',
          unit: 's',
          queries: [
            { expr: percentileOf(95, 'qwen_edit_queue_wait_seconds'), legend: 'waiting' },
            { expr: percentileOf(95, 'qwen_edit_stage_seconds', 'stage="denoise"'), legend: 'denoising' },
          ],
          width: 12,
        }),
      ],
    },
    {
      title: 'Trouble',
      panels: [
        graph({
          title: 'Attempts that fail, each minute, by code',
          description:
            'The code says what happened: docs/api.md has the list. `worker_lost` and `engine_crashed` are often memory.',
          unit: 'cpm',
          queries: [
            {
              expr: `60 * sum by (code) (${rate('qwen_edit_attempts_total', 'code!=""')})`,
              legend: '{{code}}',
            },
          ],
          width: 8,
        }),
        graph({
          title: 'Webhooks, each minute',
          description: '`failed` means that a receiver was given up.',
          unit: 'cpm',
          queries: [
            { expr: `60 * sum by (result) (${rate('qwen_edit_webhook_attempts_total')})`, legend: '{{result}}' },
          ],
          runbook: 'qweneditwebhooksgivenup',
          width: 8,
        }),
        graph(
          {
            title: 'Free disk',
            description: 'Of the file systems that the processes write to: the fullest for each kind of folder.',
            unit: 'percentunit',
            queries: [
              {
                expr: 'min by (folder) (qwen_edit_disk_bytes{state="free"} / ignoring (state) qwen_edit_disk_bytes{state="total"})',
                legend: '{{folder}}',
              },
            ],
            limits: { worse: 'lower', warn: 0.2, bad: 0.1 },
            runbook: 'qweneditdisknearlyfull',
            width: 8,
          },
          { top: 1 },
        ),
      ],
    },
  ],
};
