import type { DashboardSpec } from './dashboard.ts';
import { bars, graph, stat, table } from './panels.ts';
import { ADDED_AT_END, DEVICES, increase, OF_DEVICE, orNone, perRole, rate } from './queries.ts';

/** What machines and cards do. */
export const engines: DashboardSpec = {
  name: 'engines',
  title: 'Qwen Edit: GPUs and engines',
  description: 'Which workers there are, how busy their engines are, and what their cards and processes use.',
  variables: [DEVICES],
  rows: [
    {
      panels: [
        stat({
          title: 'Engines that take jobs',
          description: 'Of the chosen devices. A worker has one engine, with a card or the processor.',
          unit: 'short',
          queries: [{ expr: `sum(max by (worker) (qwen_edit_worker_ready{${OF_DEVICE}}))`, legend: 'ready' }],
          limits: { worse: 'lower', warn: 1, bad: 0.5 },
          runbook: 'qweneditnoreadyworker',
          width: 6,
        }),
        stat(
          {
            title: 'Mean number at work',
            description:
              'Mean number of engines that worked on jobs in the time shown. Beside the engines that take jobs: how full the machines are. An attempt counts when it ends: show a time that is much longer than an edit.',
            unit: 'short',
            queries: [
              { expr: `sum(${increase('qwen_edit_engine_seconds_total', OF_DEVICE)}) / $__range_s`, legend: 'at work' },
            ],
            width: 6,
          },
          { decimals: 2 },
        ),
        stat(
          {
            title: 'Golden edits that drifted',
            description:
              'In the time shown. Each engine makes a known edit before it takes jobs; drift means that it computes wrong numbers.',
            unit: 'short',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_self_tests_total', `result="drifted", ${OF_DEVICE}`)}) or vector(0)`,
                legend: 'drifted',
              },
            ],
            limits: { worse: 'higher', warn: 0.5, bad: 1 },
            runbook: 'qweneditgoldeneditdrifts',
            width: 6,
          },
          { decimals: 0 },
        ),
        stat(
          {
            title: 'Troubles of engines',
            description:
              'In the time shown: what engines went on in spite of, as a smaller plan after memory ran out. The log has the words.',
            unit: 'short',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_engine_troubles_total', OF_DEVICE)}) or vector(0)`,
                legend: 'troubles',
              },
            ],
            limits: { worse: 'higher', warn: 1, bad: 5 },
            runbook: 'qweneditenginetroubles',
            width: 6,
          },
          { decimals: 0 },
        ),
      ],
    },
    {
      title: 'Engines',
      panels: [
        table(
          {
            title: 'Workers',
            description:
              'Those that were heard of in the last 30 s. 1: takes jobs. GPU is the physical id of the card, empty on a processor.',
            unit: 'none',
            queries: [{ expr: `max by (worker, device, gpu_id) (qwen_edit_worker_ready{${OF_DEVICE}})`, legend: '' }],
            width: 12,
          },
          { worker: 'Worker', device: 'Device', gpu_id: 'GPU', Value: 'Takes jobs' },
        ),
        graph({
          title: 'Jobs that run, and engines for them',
          description:
            'Of the whole deployment, whatever devices are chosen. While the lines lie upon each other all engines are busy.',
          unit: 'short',
          queries: [
            { expr: 'max(qwen_edit_jobs{status="running"})', legend: 'jobs that run' },
            { expr: 'sum(max by (worker) (qwen_edit_worker_ready))', legend: 'engines that take jobs' },
          ],
          width: 12,
        }),
        graph(
          {
            title: 'Engine time, by device',
            description: `Seconds a second that engines worked. ${ADDED_AT_END}`,
            unit: 'short',
            queries: [
              { expr: `sum by (device) (${rate('qwen_edit_engine_seconds_total', OF_DEVICE)})`, legend: '{{device}}' },
            ],
            width: 12,
          },
          { stacked: true },
        ),
        graph({
          title: 'Self-tests, each minute',
          description: 'Golden edits by result. They run when an engine has loaded its model, and again now and then.',
          unit: 'cpm',
          queries: [
            {
              expr: `60 * sum by (result) (${rate('qwen_edit_self_tests_total', OF_DEVICE)})`,
              legend: '{{result}}',
            },
          ],
          runbook: 'qweneditgoldeneditdrifts',
          width: 6,
        }),
        bars({
          title: 'Troubles in the time shown',
          description:
            '`out_of_memory`: a smaller plan for a card. `device_drift`: other kernels. `disk_full`: an encoding that was not kept.',
          unit: 'short',
          queries: [
            {
              expr: orNone(`sum by (code) (${increase('qwen_edit_engine_troubles_total', OF_DEVICE)})`, 'code'),
              legend: '{{code}}',
            },
          ],
          width: 6,
        }),
      ],
    },
    {
      title: 'Cards',
      panels: [
        graph({
          title: 'Memory of cards in use',
          description:
            'By all programs on the card, as nvidia-smi tells it. Only cards of engines are measured; without a card there is nothing here.',
          unit: 'bytes',
          queries: [
            {
              expr: `max by (instance, device, gpu_id) (qwen_edit_gpu_memory_bytes{state="total", ${OF_DEVICE}}) - max by (instance, device, gpu_id) (qwen_edit_gpu_memory_bytes{state="free", ${OF_DEVICE}})`,
              legend: '{{instance}} GPU {{gpu_id}}',
            },
          ],
          width: 12,
        }),
        graph(
          {
            title: 'Memory of cards that is free',
            description:
              'As a share of the whole card. Close to 0, larger edits end in out_of_memory or a smaller plan.',
            unit: 'percentunit',
            queries: [
              {
                expr: `max by (instance, device, gpu_id) (qwen_edit_gpu_memory_bytes{state="free", ${OF_DEVICE}}) / max by (instance, device, gpu_id) (qwen_edit_gpu_memory_bytes{state="total", ${OF_DEVICE}})`,
                legend: '{{instance}} GPU {{gpu_id}}',
              },
            ],
            limits: { worse: 'lower', warn: 0.05, bad: 0.02 },
            runbook: 'qweneditgpumemorylow',
            width: 12,
          },
          { top: 1 },
        ),
      ],
    },
    {
      title: 'Processes',
      panels: [
        graph({
          title: 'Memory of processes',
          description:
            'Resident memory of each process of the service. Engines are processes of their own and are not in it.',
          unit: 'bytes',
          queries: [{ expr: perRole('process_resident_memory_bytes'), legend: '{{role}} {{instance}}' }],
          width: 12,
        }),
        graph({
          title: 'Processor time',
          description: 'Cores that each process uses. Engines are processes of their own and are not in it.',
          unit: 'short',
          queries: [{ expr: perRole(rate('process_cpu_seconds_total')), legend: '{{role}} {{instance}}' }],
          width: 12,
        }),
      ],
    },
  ],
};
