import type { DashboardSpec } from './dashboard.ts';
import { bars, graph, stat, table } from './panels.ts';
import { ADDED_AT_END, DEVICES, increase, OF_DEVICE, rate } from './queries.ts';

const OF_OWNER = 'owner=~"$owner"';
const HOURS = 'qwen_edit_owner_engine_seconds_total';

/** What edits cost, and whom they are made for. */
export const cost: DashboardSpec = {
  name: 'cost',
  title: 'Qwen Edit: cost and owners',
  description:
    'Hours that engines worked, for whom, and how many of them gave a picture. Set the price of an hour of an engine at the top, in your currency. An engine that waits costs too: compare with what its machine is paid for.',
  variables: [
    DEVICES,
    { kind: 'values', name: 'owner', label: 'Owner', query: `label_values(${HOURS}, owner)` },
    { kind: 'text', name: 'price', label: 'Price of an hour', value: '1' },
  ],
  rows: [
    {
      panels: [
        stat(
          {
            title: 'Engine hours',
            description: 'Hours that engines worked on jobs in the time shown, with or without success.',
            unit: 'h',
            queries: [
              { expr: `sum(${increase('qwen_edit_engine_seconds_total', OF_DEVICE)}) / 3600`, legend: 'hours' },
            ],
            width: 6,
          },
          { decimals: 2 },
        ),
        stat(
          {
            title: 'Their price',
            description: 'Engine hours in the time shown, times the price of an hour at the top.',
            unit: 'none',
            queries: [
              {
                expr: `$price * sum(${increase('qwen_edit_engine_seconds_total', OF_DEVICE)}) / 3600`,
                legend: 'price',
              },
            ],
            width: 6,
          },
          { decimals: 2 },
        ),
        stat(
          {
            title: 'Price of a picture',
            description: 'All engine hours, also those of attempts that failed, over the edits that succeeded.',
            unit: 'none',
            queries: [
              {
                expr: `$price * sum(${increase('qwen_edit_engine_seconds_total', OF_DEVICE)}) / 3600 / sum(${increase('qwen_edit_attempts_total', `outcome="succeeded", ${OF_DEVICE}`)})`,
                legend: 'price',
              },
            ],
            width: 6,
          },
          { decimals: 4, noValue: 'no picture yet' },
        ),
        stat(
          {
            title: 'Time that gave a picture',
            description:
              'The share of engine time that went into attempts that succeeded. The rest was cancelled, failed, or will be done again.',
            unit: 'percentunit',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_engine_seconds_total', `outcome="succeeded", ${OF_DEVICE}`)}) / sum(${increase('qwen_edit_engine_seconds_total', OF_DEVICE)})`,
                legend: 'useful',
              },
            ],
            limits: { worse: 'lower', warn: 0.9, bad: 0.7 },
            width: 6,
          },
          { decimals: 1 },
        ),
      ],
    },
    {
      title: 'Owners',
      panels: [
        bars({
          title: 'Engine hours by owner',
          description: 'In the time shown. Owners beyond the first 100 of a process count as `other`.',
          unit: 'h',
          queries: [{ expr: `sort_desc(sum by (owner) (${increase(HOURS, OF_OWNER)})) / 3600`, legend: '{{owner}}' }],
          width: 12,
        }),
        table(
          {
            title: 'Price by owner',
            description: 'Engine hours of each owner in the time shown, times the price of an hour.',
            unit: 'none',
            queries: [{ expr: `$price * sum by (owner) (${increase(HOURS, OF_OWNER)}) / 3600`, legend: '' }],
            width: 12,
          },
          { owner: 'Owner', Value: 'Price' },
        ),
        graph(
          {
            title: 'Engine time, by owner',
            description: `Seconds a second that engines worked for each owner. ${ADDED_AT_END}`,
            unit: 'short',
            queries: [{ expr: `sum by (owner) (${rate(HOURS, OF_OWNER)})`, legend: '{{owner}}' }],
            width: 24,
          },
          { stacked: true },
        ),
      ],
    },
    {
      title: 'What the time was spent on',
      panels: [
        graph(
          {
            title: 'Engine time, by what became of the attempt',
            description: `Seconds a second that engines worked. Everything but \`succeeded\` gave no picture. ${ADDED_AT_END}`,
            unit: 'short',
            queries: [
              {
                expr: `sum by (outcome) (${rate('qwen_edit_engine_seconds_total', OF_DEVICE)})`,
                legend: '{{outcome}}',
              },
            ],
            width: 12,
          },
          { stacked: true },
        ),
        bars({
          title: 'Engine hours that gave no picture',
          description: 'In the time shown, by what became of the attempt.',
          unit: 'h',
          queries: [
            {
              expr: `sort_desc(sum by (outcome) (${increase('qwen_edit_engine_seconds_total', `outcome!="succeeded", ${OF_DEVICE}`)})) / 3600`,
              legend: '{{outcome}}',
            },
          ],
          width: 12,
        }),
      ],
    },
  ],
};
