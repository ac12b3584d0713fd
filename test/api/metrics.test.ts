import { expect, it } from 'vitest';
import { createApiKey } from '../../packages/db/src/index.ts';
import { createMetrics } from '../../packages/telemetry/src/index.ts';
import { claim, startTestApi, submitOne } from './harness.ts';

it('GET /metrics tells the queue, and each request by its route', async () => {
  const api = await startTestApi();
  const { id } = await submitOne(api);
  await claim(api.database, id);
  await submitOne(api);
  await fetch(`${api.url}/v1/jobs/${id}`);
  await fetch(`${api.url}/made/up`);
  const response = await fetch(`${api.url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=/);
  const text = await response.text();
  expect(text).toContain('qwen_edit_jobs{status="queued"} 1');
  expect(text).toContain('qwen_edit_jobs{status="running"} 1');
  expect(text).toMatch(/qwen_edit_queue_age_seconds 0\.\d/);
  expect(text).toContain('qwen_edit_jobs_submitted_total{form="json"} 2');
  expect(text).toContain('qwen_edit_http_request_seconds_count{route="/v1/jobs/:id",method="GET",status="200"} 1');
  expect(text).toContain('qwen_edit_http_request_seconds_count{route="unmatched",method="GET",status="404"} 1');
  expect(text).not.toContain(id);
});

it('GET /metrics names owners to whoever runs the service, and to no other caller', async () => {
  const metrics = createMetrics();
  metrics.ownerEngineSeconds.add('ann', 5);
  const api = await startTestApi({ keysRequired: true, metrics });
  const { secret } = await createApiKey(api.database.db, { owner: 'ann', name: 'x', scopes: ['read', 'submit'] });
  const { secret: admin } = await createApiKey(api.database.db, { owner: 'ops', name: 'x', scopes: ['admin'] });
  const told = async (headers: Record<string, string>) => (await fetch(`${api.url}/metrics`, { headers })).text();
  const all = await told({ authorization: `Bearer ${admin}` });
  expect(all).toContain('qwen_edit_owner_engine_seconds_total{owner="ann"} 5');
  for (const headers of [{}, { authorization: `Bearer ${secret}` }, { authorization: 'Bearer x' }]) {
    const text = await told(headers as Record<string, string>);
    expect(text).not.toContain('ann');
    expect(text).toContain('qwen_edit_jobs{status="queued"} 0');
  }
});
