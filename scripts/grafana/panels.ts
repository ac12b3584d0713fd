/** Of this dashboard's own data source, whatever its id is. */
export const DATA_SOURCE = { type: 'prometheus', uid: `\${datasource}` } as const;

/** The units of Grafana that the dashboards use. */
export type Unit = 's' | 'h' | 'bytes' | 'percentunit' | 'short' | 'cpm' | 'reqps' | 'none';

export interface Query {
  readonly expr: string;
  /** What a line is called; `{{label}}` is a label's value. */
  readonly legend: string;
}

/** Where a value begins to be doubtful, and bad. `higher` values are worse, unless `lower` ones are. */
export interface Limits {
  readonly worse: 'higher' | 'lower';
  readonly warn: number;
  readonly bad: number;
}

export interface PanelSpec {
  readonly title: string;
  /** In plain words: what it shows, when to worry, where to look then. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  readonly limits?: Limits;
  /** A section of docs/runbook.md. */
  readonly runbook?: string;
  /** Columns of 24. */
  readonly width: number;
}

/** One panel as Grafana has it, but for its place and id. */
export interface Panel {
  readonly width: number;
  readonly height: number;
  readonly json: Readonly<Record<string, unknown>>;
}

const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;
const GREEN = 'green';
const ORANGE = 'orange';
const RED = 'red';

/** One number for now, or for the time that is shown. Green, orange or red if it has limits. */
export function stat(spec: PanelSpec, more: { readonly decimals?: number; readonly noValue?: string } = {}): Panel {
  const { decimals, noValue = 'nothing yet' } = more;
  return panel('stat', STAT_HEIGHT, spec, {
    instant: true,
    defaults: { noValue, ...(decimals === undefined ? {} : { decimals }), color: { mode: 'thresholds' } },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: spec.limits === undefined ? 'none' : 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: spec.queries.length > 1 ? 'value_and_name' : 'value',
      wideLayout: true,
    },
  });
}

/** Lines over time. `stacked`: areas one upon the other, which add up to the whole. `top`: the highest value of the axis. */
export function graph(
  spec: PanelSpec,
  { stacked = false, top }: { readonly stacked?: boolean; readonly top?: number } = {},
): Panel {
  return panel('timeseries', GRAPH_HEIGHT, spec, {
    instant: false,
    defaults: {
      color: { mode: 'palette-classic' },
      min: 0,
      ...(top === undefined ? {} : { max: top }),
      custom: {
        drawStyle: 'line',
        lineInterpolation: 'linear',
        lineWidth: 1,
        fillOpacity: stacked ? 30 : 8,
        showPoints: 'auto',
        spanNulls: false,
        stacking: { group: 'A', mode: stacked ? 'normal' : 'none' },
        thresholdsStyle: { mode: spec.limits === undefined ? 'off' : 'dashed' },
      },
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  });
}

/** A bar for each series, the longest first: what the time that is shown adds up to. */
export function bars(spec: PanelSpec): Panel {
  return panel('bargauge', GRAPH_HEIGHT, spec, {
    instant: true,
    defaults: { color: { mode: 'thresholds' }, min: 0, noValue: 'nothing yet' },
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      displayMode: 'basic',
      orientation: 'horizontal',
      showUnfilled: true,
      valueMode: 'color',
      namePlacement: 'left',
      sizing: 'auto',
    },
  });
}

/** A row for each series, with its labels as columns. `columns`: label or `Value`, and its heading; others are hidden. */
export function table(spec: PanelSpec, columns: Readonly<Record<string, string>>): Panel {
  const shown = Object.keys(columns);
  return panel('table', GRAPH_HEIGHT, spec, {
    instant: true,
    defaults: { noValue: '-', custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: false } },
    options: { showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: columns.Value ?? shown[0], desc: true }] },
    transformations: [
      { id: 'filterFieldsByName', options: { include: { names: shown } } },
      {
        id: 'organize',
        options: {
          indexByName: Object.fromEntries(shown.map((name, index) => [name, index])),
          renameByName: columns,
        },
      },
    ],
  });
}

/** How many observations of a histogram fell into each bucket over time; the query gives rates by `le`. */
export function heatmap(spec: PanelSpec): Panel {
  return panel('heatmap', GRAPH_HEIGHT, spec, {
    instant: false,
    format: 'heatmap',
    defaults: { custom: { scaleDistribution: { type: 'linear' } } },
    options: {
      calculate: false,
      cellGap: 1,
      color: { mode: 'scheme', scheme: 'Blues', steps: 32, reverse: false, exponent: 0.5 },
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: 'auto' },
      tooltip: { mode: 'single', yHistogram: true, showColorScale: true },
      yAxis: { axisPlacement: 'left', unit: spec.unit, reverse: false },
    },
  });
}

interface Look {
  readonly instant: boolean;
  readonly format?: string;
  readonly defaults: object;
  readonly options: object;
  readonly transformations?: readonly object[];
}

function panel(type: string, height: number, spec: PanelSpec, look: Look): Panel {
  const { title, description, unit, queries, limits, runbook, width } = spec;
  const { instant, options, transformations = [], defaults } = look;
  const format = look.format ?? (type === 'table' ? 'table' : 'time_series');
  return {
    width,
    height,
    json: {
      type,
      title,
      description: runbook === undefined ? description : `${description}\n\nRunbook: ${RUNBOOK}#${runbook}`,
      datasource: DATA_SOURCE,
      targets: queries.map(({ expr, legend }, index) => ({
        refId: String.fromCharCode(65 + index),
        datasource: DATA_SOURCE,
        editorMode: 'code',
        expr,
        legendFormat: legend,
        format,
        instant,
        range: !instant,
      })),
      fieldConfig: { defaults: { unit, thresholds: steps(limits), mappings: [], ...defaults }, overrides: [] },
      options,
      transformations,
    },
  };
}

const RUNBOOK = 'docs/runbook.md';

function steps(limits: Limits | undefined): object {
  if (limits === undefined) return { mode: 'absolute', steps: [{ color: GREEN, value: null }] };
  const { worse, warn, bad } = limits;
  const [first, second, third] = worse === 'higher' ? [GREEN, warn, bad] : [RED, bad, warn];
  const last = worse === 'higher' ? RED : GREEN;
  return {
    mode: 'absolute',
    steps: [
      { color: first, value: null },
      { color: ORANGE, value: second },
      { color: last, value: third },
    ],
  };
}
