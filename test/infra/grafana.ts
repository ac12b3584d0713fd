import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Span } from './prometheus-server.ts';

export const DASHBOARDS = join(import.meta.dirname, '../../infra/grafana/dashboards');

const ofThisDashboard = z.object({ type: z.literal('prometheus'), uid: z.literal(`\${datasource}`) });

const targetSchema = z.object({
  refId: z.string(),
  datasource: ofThisDashboard,
  expr: z.string().min(1),
  legendFormat: z.string(),
  instant: z.boolean(),
});

const gridSchema = z.object({ h: z.int().min(1), w: z.int().min(1).max(24), x: z.int().min(0), y: z.int().min(0) });

const panelSchema = z.object({
  id: z.int().min(1),
  type: z.enum(['stat', 'timeseries', 'bargauge', 'table', 'heatmap']),
  title: z.string().min(3).max(60),
  description: z.string().min(20),
  datasource: ofThisDashboard,
  gridPos: gridSchema,
  targets: z.array(targetSchema).min(1),
  fieldConfig: z.object({
    defaults: z.object({ unit: z.string().min(1), thresholds: z.object({ steps: z.array(z.unknown()).min(1) }) }),
  }),
});

const rowSchema = z.object({ id: z.int().min(1), type: z.literal('row'), title: z.string(), gridPos: gridSchema });

const variableSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('datasource'), name: z.literal('datasource'), query: z.literal('prometheus') }),
  z.object({ type: z.literal('adhoc'), name: z.string(), datasource: ofThisDashboard }),
  z.object({ type: z.literal('textbox'), name: z.string(), query: z.string() }),
  z.object({
    type: z.literal('query'),
    name: z.string(),
    datasource: ofThisDashboard,
    allValue: z.string(),
    query: z.object({ query: z.string() }),
  }),
]);

/** What Grafana reads of a dashboard, as far as this project writes it. */
const dashboardSchema = z.object({
  uid: z.string().regex(/^qwen-edit-[a-z]+$/),
  title: z.string(),
  description: z.string().min(20),
  schemaVersion: z.literal(42),
  annotations: z.object({ list: z.array(z.object({ datasource: ofThisDashboard, expr: z.string() })) }),
  templating: z.object({ list: z.array(variableSchema) }),
  panels: z.array(z.union([panelSchema, rowSchema])),
});

export type Dashboard = z.output<typeof dashboardSchema>;
export type DashboardPanel = z.output<typeof panelSchema>;

/** The dashboards of infra/, by the names of their files. Throws if one has not the form that Grafana reads. */
export async function readDashboards(): Promise<ReadonlyMap<string, Dashboard>> {
  const names = (await readdir(DASHBOARDS)).sort();
  const read = async (name: string): Promise<[string, Dashboard]> => [
    name,
    dashboardSchema.parse(JSON.parse(await readFile(join(DASHBOARDS, name), 'utf8'))),
  ];
  return new Map(await Promise.all(names.map(read)));
}

export const panelsOf = ({ panels }: Dashboard): readonly DashboardPanel[] =>
  panels.flatMap((panel) => (panel.type === 'row' ? [] : [panel]));

/** Writes a query out as Grafana does, for points `step` seconds apart, with the choices at the top of the dashboard. */
export function writeOut(query: string, { start, end, step }: Span, choices: Readonly<Record<string, string>>): string {
  const range = end - start;
  const values: Readonly<Record<string, string>> = {
    ...choices,
    __interval: `${step}s`,
    // Four scrapes, or the time between two points and one scrape.
    __rate_interval: `${Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`,
    __range: `${range}s`,
    __range_s: String(range),
  };
  return query.replace(/\$(\w+)/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`Nothing gives $${name} a value: ${query}`);
    return value;
  });
}

const SCRAPE_SECONDS = 15;
