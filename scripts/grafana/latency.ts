import type { DashboardSpec } from './dashboard.ts';
import { graph, heatmap } from './panels.ts';
import { DEVICES, meanOf, OF_DEVICE, percentileOf, percentiles, rate } from './queries.ts';

/** Where the time of an edit goes. */
export const latency: DashboardSpec = {
  name: 'latency',
  title: 'Qwen Edit: latency by stage',
  description:
    'How long callers wait, and where that time goes: in the queue, in which stage of an edit, in each step.',
  variables: [DEVICES],
  rows: [
    {
      title: 'A whole job',
      panels: [
        graph({
          title: 'From submission to the end of a job',
          description: 'What a caller waits for, of jobs that succeeded.',
          unit: 's',
          queries: percentiles('qwen_edit_job_seconds', 'outcome="succeeded"'),
          width: 12,
        }),
        heatmap({
          title: 'How many jobs took how long',
          description:
            'Jobs that succeeded; a darker cell has more of them. Two bands mean two kinds of edits, as few and many steps.',
          unit: 's',
          queries: [
            { expr: `sum by (le) (${rate('qwen_edit_job_seconds_bucket', 'outcome="succeeded"')})`, legend: '{{le}}' },
          ],
          width: 12,
        }),
        graph({
          title: 'In the queue',
          description: 'From submission to the first claim.',
          unit: 's',
          queries: percentiles('qwen_edit_queue_wait_seconds'),
          width: 12,
        }),
        graph(
          {
            title: 'What an edit is made of',
            description:
              'Mean seconds of each stage: encoding prompt and pictures, denoising, decoding the result. The areas add up to one edit.',
            unit: 's',
            queries: [{ expr: meanOf('qwen_edit_stage_seconds', OF_DEVICE, ['stage']), legend: '{{stage}}' }],
            width: 12,
          },
          { stacked: true },
        ),
      ],
    },
    {
      title: 'Stages and steps',
      panels: [
        graph({
          title: 'Encoding',
          description: 'Prompt and input pictures, before the first step. 95 of 100 take at most so long, by device.',
          unit: 's',
          queries: [
            {
              expr: percentileOf(95, 'qwen_edit_stage_seconds', `stage="encode", ${OF_DEVICE}`, ['device']),
              legend: '{{device}}',
            },
          ],
          width: 8,
        }),
        graph({
          title: 'Denoising',
          description: 'All steps of an edit. 95 of 100 take at most so long, by device.',
          unit: 's',
          queries: [
            {
              expr: percentileOf(95, 'qwen_edit_stage_seconds', `stage="denoise", ${OF_DEVICE}`, ['device']),
              legend: '{{device}}',
            },
          ],
          width: 8,
        }),
        graph({
          title: 'Decoding',
          description: 'From latents to pictures. 95 of 100 take at most so long, by device.',
          unit: 's',
          queries: [
            {
              expr: percentileOf(95, 'qwen_edit_stage_seconds', `stage="decode", ${OF_DEVICE}`, ['device']),
              legend: '{{device}}',
            },
          ],
          width: 8,
        }),
        graph({
          title: 'One denoising step',
          description:
            'Mean time of steps that were computed, by device. It depends on size and precision; where it rises without a change of these, the machine has less for the engine: memory, other programs, heat.',
          unit: 's',
          queries: [{ expr: meanOf('qwen_edit_step_seconds', OF_DEVICE, ['device']), legend: '{{device}}' }],
          width: 12,
        }),
        heatmap({
          title: 'How many steps took how long',
          description: 'Denoising steps on the chosen devices; a darker cell has more of them.',
          unit: 's',
          queries: [{ expr: `sum by (le) (${rate('qwen_edit_step_seconds_bucket', OF_DEVICE)})`, legend: '{{le}}' }],
          width: 12,
        }),
      ],
    },
  ],
};
