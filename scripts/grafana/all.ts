import { api } from './api.ts';
import { cost } from './cost.ts';
import { type DashboardSpec, makeDashboard } from './dashboard.ts';
import { engines } from './engines.ts';
import { latency } from './latency.ts';
import { overview } from './overview.ts';
import { queue } from './queue.ts';

const ALL: readonly DashboardSpec[] = [overview, queue, latency, engines, cost, api];

/** The text of each file of infra/grafana/dashboards, by its name. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  return new Map(ALL.map((spec) => [`${spec.name}.json`, `${JSON.stringify(makeDashboard(spec), null, 2)}\n`]));
}
