import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../packages/contract/src/index.ts';
import { createMetrics } from '../../packages/telemetry/src/index.ts';
import { ALERTS, EXPRESSIONS, RECORDED, RULE_FILES, RULE_GROUPS, RULE_TEST_FILES, RULE_TESTS } from './rule-files.ts';
import { findTool, runInfraTool, toolSuites } from './tools.ts';

/** Of these, Prometheus makes the first itself, and Node's client the second. */
const OTHERS: Readonly<Record<string, readonly string[]>> = { up: [], process_start_time_seconds: [] };
/** What Prometheus adds to each series. */
const ADDED = ['namespace', 'job', 'instance'];

const metrics = createMetrics();
/** The labels of each series that the program exports. */
const exported = new Map<string, readonly string[]>(Object.entries(OTHERS));
for (const each of Object.values(metrics)) {
  const { name, labelNames = [], buckets } = each as { name?: string; labelNames?: string[]; buckets?: unknown };
  if (name === undefined) continue;
  const series = buckets === undefined ? [name] : ['_bucket', '_count', '_sum'].map((end) => name + end);
  for (const one of series) exported.set(one, one.endsWith('_bucket') ? [...labelNames, 'le'] : labelNames);
}
exported.set('qwen_edit_owner_engine_seconds_total', ['owner']);

/** The series that an expression reads, each with the labels that it selects by. */
function seriesOf(expression: string): { name: string; labels: string[] }[] {
  return [...expression.matchAll(/\b(qwen_edit[a-z0-9_:]*|up|process_start_time_seconds)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = '', selectors = '']) => ({
      name,
      labels: [...selectors.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );
}

describe.each(await toolSuites(['promtool'], ['']))('', () => {
  it('promtool accepts each rule, and finds nothing to improve', async () => {
    await runInfraTool('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...RULE_FILES]);
  });

  it('each alert fires on its case, and is silent on the ordinary case beside it', async () => {
    await runInfraTool('promtool', ['test', 'rules', ...RULE_TEST_FILES]);
  });

  it('the metrics of the program are named as Prometheus wants them', async () => {
    const output = await metrics.scrape({ owners: true });
    const child = spawn((await findTool('promtool')) ?? '', ['check', 'metrics']);
    child.stdin.end(output);
    const said = (await Promise.all([text(child.stdout), text(child.stderr)])).join('').trim();
    // Those of Node.js, which the client library names.
    expect(said.split('\n').filter((line) => !line.startsWith('nodejs_'))).toEqual([]);
  });
});

it('each alert has a test in which it fires, and one in which it is silent or passes over other series', () => {
  const cases = RULE_TESTS.flatMap(({ tests }) => tests);
  for (const { alert } of ALERTS) {
    const own = cases.filter((each) => each.alert_rule_test.some(({ alertname }) => alertname === alert));
    const tried = own.flatMap((each) => each.alert_rule_test.filter(({ alertname }) => alertname === alert));
    expect(Math.max(0, ...tried.map(({ exp_alerts }) => exp_alerts.length)), `${alert} fires`).toBeGreaterThan(0);
    const silent = tried.some(({ exp_alerts }) => exp_alerts.length === 0);
    const passesOver = own.some(({ name }) => /\bnot\b/.test(name));
    expect(silent || passesOver, `${alert} is silent`).toBe(true);
  }
  const known = new Set(ALERTS.map(({ alert }) => alert));
  for (const { alert_rule_test } of cases)
    for (const { alertname } of alert_rule_test) expect(known).toContain(alertname);
});

it('in the tests, alerts read what is recorded at the same moment', () => {
  const recordsFirst = [...RULE_GROUPS]
    .sort((a, b) => Number('alert' in (a.rules[0] ?? {})) - Number('alert' in (b.rules[0] ?? {})))
    .map(({ name }) => name);
  for (const { group_eval_order } of RULE_TESTS) expect([...group_eval_order].sort()).toEqual([...recordsFirst].sort());
});

it('each alert has a severity, and says what is so', () => {
  for (const { alert, labels, annotations } of ALERTS) {
    expect(alert).toMatch(/^QwenEdit[A-Z]/);
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/^[A-Z].*\.$/);
    expect(annotations.description).toMatch(/\.$|\}\.$/);
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
  }
});

it('rules and their tests read only series that the program exports or that are recorded, by labels that these have', () => {
  const given = RULE_TESTS.flatMap(({ tests }) => tests.flatMap(({ input_series }) => input_series)).map(
    ({ series }) => series,
  );
  const read = [...EXPRESSIONS, ...given].flatMap(seriesOf);
  expect(read.length).toBeGreaterThan(100);
  for (const { name, labels } of read) {
    if (RECORDED.has(name)) continue;
    const known = exported.get(name);
    expect(known, `${name} is exported`).toBeDefined();
    for (const label of labels) expect([...(known ?? []), ...ADDED], `a label of ${name}`).toContain(label);
  }
});

it('every recorded series is of this program, and has one meaning', () => {
  for (const name of RECORDED) expect(name).toMatch(/^qwen_edit:[a-z0-9_]+(:[a-z0-9]+)?$/);
});

it('jobs that fail by their callers’ mistakes fire no alert, those that fail by ours do', () => {
  const expression = ALERTS.find(({ alert }) => alert === 'QwenEditJobsFail')?.expr ?? '';
  const pattern = new RegExp(`^(?:${/code=~"([^"]+)"/.exec(expression)?.[1]})$`);
  const counted = Object.entries(ERRORS).filter(([code]) => pattern.test(code));
  expect(counted.map(([code]) => code)).toEqual(expect.arrayContaining(['engine_crashed', 'worker_lost', 'poison']));
  for (const [code, { origin }] of counted) expect(origin, code).not.toBe('request');
  for (const [code, { origin }] of Object.entries(ERRORS))
    if (origin === 'engine') expect(code, 'of an engine').toMatch(pattern);
});
