import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createMetrics } from '@qwen-edit/telemetry';
import { expect, it } from 'vitest';
import { startMetricsServer } from './metrics-server.ts';

it('a role without an API has its metrics to be scraped, and closes', async () => {
  const metrics = createMetrics();
  metrics.outcomes.inc({ outcome: 'succeeded', code: '' });
  const server = await startMetricsServer(metrics, { host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${server.port}`;
  expect(await (await fetch(`${base}/metrics`)).text()).toContain(
    'qwen_edit_attempts_total{outcome="succeeded",code=""} 1',
  );
  expect((await fetch(`${base}/livez`)).status).toBe(200);
  const other = await fetch(`${base}/else`);
  expect([other.status, other.headers.get('keep-alive')]).toEqual([404, 'timeout=75']);
  await expect(startMetricsServer(metrics, { host: '127.0.0.1', port: server.port })).rejects.toMatchObject({
    code: 'port_in_use',
  });
  await server.close();
  await expect(fetch(`${base}/livez`)).rejects.toThrow();
});

it('on the loopback it answers to names of this machine only, elsewhere to any', async () => {
  const ask = async (port: number, host: string): Promise<number | undefined> => {
    const asked = request({ port, host: '127.0.0.1', path: '/metrics', headers: { host } }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  const metrics = createMetrics();
  const inner = await startMetricsServer(metrics, { host: '127.0.0.1', port: 0, allowedHosts: ['worker.example'] });
  for (const host of ['127.0.0.1', 'localhost:9464', 'worker.example:9464'])
    expect(await ask(inner.port, host)).toBe(200);
  expect(await ask(inner.port, 'evil.example')).toBe(421);
  await inner.close();
  const outer = await startMetricsServer(metrics, { host: '0.0.0.0', port: 0 });
  expect(await ask(outer.port, 'worker')).toBe(200);
  await outer.close();
});
