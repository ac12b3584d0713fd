import { expect, it } from 'vitest';
import { docker } from '../containers.ts';
import { pollUntil } from '../waiting.ts';
import { submitThrough, untilEndedThrough } from './caller.ts';
import type { Stack } from './stack.ts';

const METRIC = 'qwen_edit_attempts_total{outcome="succeeded"}';
/** Of a worker, in its own container: nobody else reaches the inner network everywhere. */
const READ_METRICS = `console.log(await (await fetch('http://127.0.0.1:9464/metrics')).text())`;

async function ask<T>(stack: Stack, path: string): Promise<T> {
  const response = await fetch(`${stack.prometheus}/api/v1/${path}`);
  const { data } = (await response.json()) as { data: T };
  return data;
}

/** The value of a query for one number; 0 if there is nothing to count. */
async function sumIn(stack: Stack, query: string): Promise<number> {
  const path = `query?query=${encodeURIComponent(query)}`;
  const { result } = await ask<{ result: readonly { value: readonly [number, string] }[] }>(stack, path);
  return Number(result[0]?.value[1] ?? 0);
}

/** The sum over all workers, as each tells it itself. */
async function toldByWorkers(stack: Stack): Promise<number> {
  let sum = 0;
  for (const id of await stack.containers('worker')) {
    const text = await docker(['exec', id, 'node', '--input-type=module', '--eval', READ_METRICS]);
    for (const [, value] of text.matchAll(/^qwen_edit_attempts_total\{[^}]*outcome="succeeded"[^}]*\} (\S+)$/gm))
      sum += Number(value);
  }
  return sum;
}

/** The profile monitoring, as far as its images can be had everywhere. */
export function monitoringTests(the: () => Stack): void {
  it('every container of each role is asked for its metrics, and no rule or target is in trouble', async () => {
    const stack = the();
    const targets = await pollUntil('metrics of every container', async () => {
      const { activeTargets } = await ask<{
        activeTargets: readonly { labels: { job: string }; health: string; lastError: string }[];
      }>(stack, 'targets?state=active');
      return activeTargets.every(({ health }) => health === 'up') && activeTargets;
    });
    const counts = Map.groupBy(targets, ({ labels }) => labels.job);
    for (const role of ['api', 'worker', 'dispatcher']) expect(counts.get(`qwen-edit-${role}`), role).toHaveLength(2);
    const { groups } = await ask<{ groups: readonly { rules: readonly { name: string; lastError?: string }[] }[] }>(
      stack,
      'rules',
    );
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.filter(({ lastError }) => lastError !== undefined)).toEqual([]);
  });

  it('an edit is seen in the metrics', async () => {
    const stack = the();
    const { id } = await submitThrough(stack);
    expect(await untilEndedThrough(stack, id)).toMatchObject({ status: 'succeeded' });
    const told = await toldByWorkers(stack);
    expect(told).toBeGreaterThan(0);
    const query = `sum(${METRIC} and on (instance) up == 1)`;
    await pollUntil(`${told} edits in Prometheus`, async () => (await sumIn(stack, query)) === told);
  });
}
