import type { DashboardSpec } from './dashboard.ts';
import { graph, stat, table } from './panels.ts';
import { increase, meanOf, percentiles, perRole, rate } from './queries.ts';

const REQUESTS = 'qwen_edit_http_request_seconds';
/** Probes and scrapes answer at once and would hide what callers feel. */
const OF_CALLERS = 'route!~"/(metrics|livez|readyz|health)"';

/** What callers, receivers of webhooks and the database see. */
export const api: DashboardSpec = {
  name: 'api',
  title: 'Qwen Edit: API and webhooks',
  description:
    'Requests and their answers, webhooks, and the connections to the database. Probes and scrapes are left out.',
  variables: [
    { kind: 'values', name: 'route', label: 'Route', query: `label_values(${REQUESTS}_count{${OF_CALLERS}}, route)` },
  ],
  rows: [
    {
      panels: [
        stat({
          title: 'Processes',
          description: 'Processes of each role that Prometheus reaches now.',
          unit: 'short',
          queries: [{ expr: 'count by (role) (qwen_edit_build_info)', legend: '{{role}}' }],
          width: 8,
        }),
        stat(
          {
            title: 'Requests that fail',
            description: 'Answers with a status of 500 or more, of all answers in the time shown.',
            unit: 'percentunit',
            queries: [
              {
                expr: `(sum(${increase(`${REQUESTS}_count`, `status=~"5..", ${OF_CALLERS}`)}) or vector(0)) / sum(${increase(`${REQUESTS}_count`, OF_CALLERS)})`,
                legend: 'failed',
              },
            ],
            limits: { worse: 'higher', warn: 0.001, bad: 0.01 },
            runbook: 'qwenediterrorbudgetburnsfast',
            width: 4,
          },
          { decimals: 2 },
        ),
        stat(
          {
            title: 'Requests refused',
            description:
              'Answers with a status of 400 to 499 in the time shown: the caller had no key, sent something wrong or too much.',
            unit: 'percentunit',
            queries: [
              {
                expr: `(sum(${increase(`${REQUESTS}_count`, `status=~"4..", ${OF_CALLERS}`)}) or vector(0)) / sum(${increase(`${REQUESTS}_count`, OF_CALLERS)})`,
                legend: 'refused',
              },
            ],
            width: 4,
          },
          { decimals: 1 },
        ),
        stat(
          {
            title: 'Webhooks given up',
            description: 'In the time shown: deliveries that were tried as often as configured and never taken.',
            unit: 'short',
            queries: [
              {
                expr: `sum(${increase('qwen_edit_webhook_attempts_total', 'result="failed"')}) or vector(0)`,
                legend: 'given up',
              },
            ],
            limits: { worse: 'higher', warn: 1, bad: 10 },
            runbook: 'qweneditwebhooksgivenup',
            width: 4,
          },
          { decimals: 0 },
        ),
        stat({
          title: 'Waiting for the database',
          description:
            'Statements that wait for a connection now, in all processes. More than 0 for long: the pool is too small, or the database too slow.',
          unit: 'short',
          queries: [{ expr: 'sum(qwen_edit_pool_waiting)', legend: 'waiting' }],
          limits: { worse: 'higher', warn: 1, bad: 10 },
          runbook: 'qweneditpoolexhausted',
          width: 4,
        }),
      ],
    },
    {
      title: 'Requests',
      panels: [
        graph(
          {
            title: 'Answers each second, by status',
            description: 'Of the chosen routes.',
            unit: 'reqps',
            queries: [
              {
                expr: `sum by (status) (${rate(`${REQUESTS}_count`, `route=~"$route", ${OF_CALLERS}`)})`,
                legend: '{{status}}',
              },
            ],
            width: 12,
          },
          { stacked: true },
        ),
        graph({
          title: 'Time until an answer begins',
          description:
            'Of the chosen routes. /edit answers when its edit is done, and a wait of 60 s takes a minute: leave them out to see the rest.',
          unit: 's',
          queries: percentiles(REQUESTS, `route=~"$route", ${OF_CALLERS}`),
          width: 12,
        }),
        table(
          {
            title: 'Answers in the time shown',
            description: 'By route, method and status, of the chosen routes.',
            unit: 'short',
            queries: [
              {
                expr: `round(sum by (route, method, status) (${increase(`${REQUESTS}_count`, `route=~"$route", ${OF_CALLERS}`)})) > 0`,
                legend: '',
              },
            ],
            width: 12,
          },
          { route: 'Route', method: 'Method', status: 'Status', Value: 'Answers' },
        ),
        graph({
          title: 'Slowest routes',
          description: 'Mean time until an answer begins, by route: the five slowest.',
          unit: 's',
          queries: [
            {
              expr: `topk(5, ${meanOf(REQUESTS, `route=~"$route", ${OF_CALLERS}`, ['route'])} > 0)`,
              legend: '{{route}}',
            },
          ],
          width: 12,
        }),
      ],
    },
    {
      title: 'Webhooks and database',
      panels: [
        graph(
          {
            title: 'Webhook deliveries, each minute',
            description:
              '`retried`: the receiver did not take it, and it is sent again later. `failed`: it was given up.',
            unit: 'cpm',
            queries: [
              { expr: `60 * sum by (result) (${rate('qwen_edit_webhook_attempts_total')})`, legend: '{{result}}' },
            ],
            runbook: 'qweneditwebhooksgivenup',
            width: 8,
          },
          { stacked: true },
        ),
        graph({
          title: 'Connections to the database',
          description: 'Of all processes of a role, in use and idle. PostgreSQL must allow all of them together.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (role, state) (${perRole('qwen_edit_pool_connections')})`,
              legend: '{{role}} {{state}}',
            },
          ],
          width: 8,
        }),
        graph({
          title: 'Waiting for a connection',
          description: '99 of 100 statements waited at most so long, by role.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (le, role) (${perRole(rate('qwen_edit_pool_wait_seconds_bucket'))}))`,
              legend: '{{role}}',
            },
          ],
          runbook: 'qweneditpoolexhausted',
          width: 8,
        }),
        graph({
          title: 'Event loop',
          description:
            'How late the event loop of each process is, 99 of 100 times at most. More than a few tenths of a second: the process has too little processor time.',
          unit: 's',
          queries: [{ expr: perRole('nodejs_eventloop_lag_p99_seconds'), legend: '{{role}} {{instance}}' }],
          width: 24,
        }),
      ],
    },
  ],
};
