import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../packages/telemetry/src/index.ts';
import { dashboardFiles } from '../../scripts/grafana/all.ts';
import { DASHBOARDS, type Dashboard, panelsOf, readDashboards, writeOut } from './grafana.ts';
import { type PrometheusServer, type Series, type Span, startPrometheus } from './prometheus-server.ts';
import { toolSuites } from './tools.ts';

const root = join(import.meta.dirname, '../..');
const RECORDED = join(root, 'test/fixtures/metrics/recorded.om');
const MADE_UP = join(root, 'test/fixtures/metrics/made-up-cards.om');
const dashboards = await readDashboards();
const every = [...dashboards];

it('each file is what scripts/grafana writes, and there is no other', async () => {
  const written = dashboardFiles();
  expect([...dashboards.keys()]).toEqual([...written.keys()].sort());
  for (const [name, text] of written) expect(await readFile(join(DASHBOARDS, name), 'utf8'), name).toBe(text);
});

describe.each(every)('%s', (_name, dashboard) => {
  it('has no panel that lies upon another, and none beside the screen', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`), `${title} lies upon it`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  it('has an id of its own for each panel, and a title that no other panel has', () => {
    const panels = panelsOf(dashboard);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  });

  it('names only sections of the runbook that an alert names, too', async () => {
    const alerts = await readFile(join(root, 'infra/prometheus/rules/alerts.yml'), 'utf8');
    const sections = [...alerts.matchAll(/runbook\.md#(\w+)/g)].map(([, section]) => section);
    for (const { title, description } of panelsOf(dashboard)) {
      const [, section] = /runbook\.md#(\S+)/.exec(description) ?? [];
      if (section !== undefined) expect(sections, title).toContain(section);
    }
  });
});

const OF_NODE = new Set([
  'ALERTS',
  'nodejs_eventloop_lag_p99_seconds',
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'process_start_time_seconds',
]);

it('every metric that a dashboard names is one of ours or of Node.js, and each of ours is on a dashboard', async () => {
  const ours = await namesOfOurs();
  const shown = new Set(every.flatMap(([, dashboard]) => queriesOf(dashboard)).flatMap(metricsOf));
  expect([...shown].filter((name) => !ours.has(name) && !OF_NODE.has(name))).toEqual([]);
  expect([...ours].filter((name) => !shown.has(name))).toEqual([]);
});

describe.each(await toolSuites(['prometheus', 'promtool'], every))(
  '%s in a Prometheus with recorded metrics',
  (_name, dashboard) => {
    let prometheus: PrometheusServer;
    let span: Span;
    /** The first value that each choice offers. */
    const first: Record<string, string> = {};
    const all: Record<string, string> = {};

    beforeAll(async () => {
      span = await spanOf(RECORDED);
      prometheus = await startPrometheus({ recordings: [RECORDED, MADE_UP] });
      for (const variable of dashboard.templating.list) {
        if (variable.type === 'textbox') all[variable.name] = first[variable.name] = variable.query;
        if (variable.type !== 'query') continue;
        const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(variable.query.query) ?? [];
        const values = await prometheus.labelValues(selector, label, span);
        expect(values, variable.name).not.toEqual([]);
        all[variable.name] = variable.allValue;
        // The device of the recorded edits, not of the made-up cards.
        first[variable.name] = values.includes('cpu') ? 'cpu' : (values[0] ?? '');
      }
    });
    afterAll(() => prometheus?.close());

    const targets = panelsOf(dashboard).flatMap(({ title, targets: each, type }) =>
      each.map((target) => ({ ...target, title, type })),
    );

    it.each(targets)(
      '$title, $refId: has values, and each name of a line is filled',
      async ({ expr, legendFormat, instant }) => {
        const query = writeOut(expr, span, all);
        const series = instant ? await prometheus.instant(query, span) : await prometheus.range(query, span);
        expect(withValues(series), query).not.toEqual([]);
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(series.map(({ labels }) => labels[label] ?? '').join(''), `${label} of ${query}`).not.toBe('');
        }
      },
    );

    it.each(targets.filter(({ expr }) => /\$(device|owner|route)/.test(expr) && !expr.includes('gpu_memory')))(
      '$title, $refId: has values for one choice, too',
      async ({ expr, instant }) => {
        const query = writeOut(expr, span, first);
        const series = instant ? await prometheus.instant(query, span) : await prometheus.range(query, span);
        expect(withValues(series), query).not.toEqual([]);
      },
    );

    it('marks the starts of processes', async () => {
      for (const { expr } of dashboard.annotations.list) {
        expect(withValues(await prometheus.range(writeOut(expr, span, all), span)), expr).not.toEqual([]);
      }
    });
  },
);

function withValues(series: readonly Series[]): readonly Series[] {
  return series.filter(({ values }) => values.some(Number.isFinite));
}

function queriesOf(dashboard: Dashboard): readonly string[] {
  return [
    ...panelsOf(dashboard).flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...dashboard.annotations.list.map(({ expr }) => expr),
    ...dashboard.templating.list.flatMap((variable) => (variable.type === 'query' ? [variable.query.query] : [])),
  ];
}

/** The metrics that a query names; a histogram by the name that its three have in common. */
function metricsOf(query: string): readonly string[] {
  const names = query.match(/\b(qwen_edit_\w+|process_\w+|nodejs_\w+|ALERTS)\b/g) ?? [];
  return names.map((name) => name.replace(/^(qwen_edit_\w+_seconds)_(bucket|sum|count)$/, '$1'));
}

async function namesOfOurs(): Promise<ReadonlySet<string>> {
  const text = await createMetrics().scrape({ owners: true });
  return new Set([...text.matchAll(/^# TYPE (qwen_edit_\w+) /gm)].map(([, name = '']) => name));
}

/** The times of the first and the last scrape of a recording. */
async function spanOf(file: string): Promise<Span> {
  const times = [...(await readFile(file, 'utf8')).matchAll(/^up\{.* (\d+)$/gm)].map(([, time]) => Number(time));
  return { start: Math.min(...times), end: Math.max(...times), step: 15 };
}
