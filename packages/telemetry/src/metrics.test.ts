import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

it('the seconds of 100 owners are told by name, those of all others together', async () => {
  const metrics = createMetrics();
  for (let i = 0; i < 150; i++) metrics.ownerEngineSeconds.add(`owner-${i}`, 1);
  metrics.ownerEngineSeconds.add('owner-0', 2);
  metrics.ownerEngineSeconds.add('owner-149', 2);
  const lines = (await metrics.scrape({ owners: true })).split('\n').filter((line) => line.includes('{owner='));
  expect(lines).toHaveLength(101);
  expect(lines).toContain('qwen_edit_owner_engine_seconds_total{owner="owner-0"} 3');
  expect(lines).toContain('qwen_edit_owner_engine_seconds_total{owner="other"} 52');
});

it('a scrape without owners has all the rest', async () => {
  const metrics = createMetrics();
  metrics.ownerEngineSeconds.add('a-secret-name', 1);
  metrics.buildInfo.set({ version: '1.2.3', role: 'worker' }, 1);
  const text = await metrics.scrape({ owners: false });
  expect(text).not.toContain('a-secret-name');
  expect(text).toContain('qwen_edit_build_info{version="1.2.3",role="worker"} 1');
  expect(text).toContain('process_resident_memory_bytes');
});

it('what is known by looking is looked at for each scrape', async () => {
  const metrics = createMetrics();
  let waiting = 0;
  metrics.onScrape(() => metrics.poolWaiting.set(++waiting));
  expect(await metrics.scrape({ owners: false })).toContain('qwen_edit_pool_waiting 1');
  expect(await metrics.scrape({ owners: false })).toContain('qwen_edit_pool_waiting 2');
});
