import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOf, submitPrompt, untilSucceeded } from '../e2e/calls.ts';
import { startEmbedded } from '../e2e/embedded.ts';
import type { System } from '../e2e/system.ts';
import { pollUntil } from '../e2e/waiting.ts';
import { type PrometheusServer, startPrometheus } from './prometheus-server.ts';
import { toolSuites } from './tools.ts';

describe.each(await toolSuites(['prometheus', 'promtool'], ['a Prometheus that asks a running service']))('%s', () => {
  let system: System;
  let prometheus: PrometheusServer;
  beforeAll(async () => {
    system = await startEmbedded();
    const { host } = new URL(apiOf(system));
    const job = { job_name: 'qwen-edit', static_configs: [{ targets: [host] }] };
    const config = JSON.stringify({ global: { scrape_interval: '500ms' }, scrape_configs: [job] });
    prometheus = await startPrometheus({ config });
  });
  afterAll(async () => {
    await prometheus?.close();
    await system?.remove();
  });

  const ask = async (query: string): Promise<number | undefined> => {
    const now = Date.now() / 1000;
    return (await prometheus.instant(query, { start: now, end: now, step: 1 }))[0]?.values[0];
  };

  it('sees an edit: one that succeeded, its time, and whose engine time it took', async () => {
    const succeeded = 'sum(qwen_edit_attempts_total{outcome="succeeded"}) or vector(0)';
    expect(await ask(succeeded)).toBe(0);
    const { id } = await submitPrompt(system, 'each:50ms');
    await untilSucceeded(system, id);
    expect(await pollUntil('the edit in Prometheus', async () => (await ask(succeeded)) || undefined)).toBe(1);
    expect(await ask('qwen_edit_job_seconds_count{outcome="succeeded"}')).toBe(1);
    expect(await ask('sum(qwen_edit_owner_engine_seconds_total{owner="local"})')).toBeGreaterThan(0);
  });
});
