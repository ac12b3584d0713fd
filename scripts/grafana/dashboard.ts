import { DATA_SOURCE, type Panel } from './panels.ts';
import { perRole } from './queries.ts';

/** A choice at the top of a dashboard. */
export type Variable =
  | { readonly kind: 'values'; readonly name: string; readonly label: string; readonly query: string }
  | { readonly kind: 'text'; readonly name: string; readonly label: string; readonly value: string };

export interface DashboardRow {
  /** A heading over the panels. */
  readonly title?: string;
  readonly panels: readonly Panel[];
}

export interface DashboardSpec {
  /** Names the file and its address in Grafana: `qwen-edit-NAME`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly DashboardRow[];
}

/** Every dashboard has it, and each links to the others by it. */
const TAG = 'qwen-edit';
/** The schema of Grafana 12.2 and later; Grafana 13 reads it too. */
const SCHEMA_VERSION = 42;
const COLUMNS = 24;

/**
 * A dashboard in Grafana's classic form. Places are computed, from left to right and from above, so that no panels overlap; what does not fit
 * into a line begins the next one.
 */
export function makeDashboard({ name, title, description, variables, rows }: DashboardSpec): Record<string, unknown> {
  const panels: object[] = [];
  let y = 0;
  for (const { title: heading, panels: members } of rows) {
    if (heading !== undefined) {
      const gridPos = { h: 1, w: COLUMNS, x: 0, y };
      panels.push({ id: panels.length + 1, type: 'row', title: heading, collapsed: false, gridPos, panels: [] });
      y += 1;
    }
    let x = 0;
    let height = 0;
    for (const { width, height: own, json } of members) {
      if (x + width > COLUMNS) {
        y += height;
        x = 0;
        height = 0;
      }
      panels.push({ id: panels.length + 1, ...json, gridPos: { h: own, w: width, x, y } });
      x += width;
      height = Math.max(height, own);
    }
    y += height;
  }
  return {
    uid: `${TAG}-${name}`,
    title,
    description,
    tags: [TAG],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    timezone: '',
    annotations: { list: [starts()] },
    links: [
      {
        type: 'dashboards',
        title: TAG,
        tags: [TAG],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
      },
    ],
    templating: {
      list: [
        { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus', refresh: 1, current: {} },
        ...variables.map(variable),
        {
          type: 'adhoc',
          name: 'filters',
          label: 'Filters',
          datasource: DATA_SOURCE,
          filters: [],
        },
      ],
    },
    panels,
  };
}

function variable(of: Variable): object {
  const { name, label } = of;
  if (of.kind === 'text') {
    const option = { selected: true, text: of.value, value: of.value };
    return { type: 'textbox', name, label, query: of.value, current: option, options: [option] };
  }
  return {
    type: 'query',
    name,
    label,
    datasource: DATA_SOURCE,
    query: { query: of.query, refId: name },
    definition: of.query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

/** A mark where a process was started: releases and crashes explain much of what lines do. */
function starts(): object {
  return {
    name: 'Process starts',
    enable: true,
    hide: false,
    iconColor: 'blue',
    datasource: DATA_SOURCE,
    expr: perRole('process_start_time_seconds', 'role, version', ' * 1000'),
    useValueForTime: 'on',
    titleFormat: '{{role}} {{version}} on {{instance}} was started',
    step: '',
  };
}
