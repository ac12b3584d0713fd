import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetrics } from '@qwen-edit/telemetry';
import { expect, it, onTestFinished, vi } from 'vitest';
import { readConfig } from '../config.ts';
import { measureDisks, writtenFolders } from './disk-metrics.ts';

it('each role shows the folders that it writes to', () => {
  const folders = (role: 'api' | 'worker', environment: Record<string, string>) =>
    writtenFolders(role, readConfig(environment), role === 'worker' ? MODEL : undefined).map(
      ({ folder, path }) => `${folder} ${path}`,
    );
  const hub = { cacheDir: '/cache/hub' } as never;
  const MODEL = { chosen: { kind: 'hub', localDir: undefined } as never, hub, facts: { name: '' } };
  const own = { QWEN_EDIT_DATA_DIR: '/data', QWEN_EDIT_OFFLOAD_FOLDER: '/prepared', QWEN_EDIT_OUTPUT_DIR: '/out' };
  expect(folders('worker', own)).toEqual([
    'data /data',
    'storage /data/objects',
    'models /cache/hub',
    'prepared /prepared',
  ]);
  expect(folders('api', { ...own, STORAGE_URL: 'file:/shared' })).toEqual([
    'data /data',
    'storage /shared',
    'output /out',
  ]);
  expect(folders('api', { QWEN_EDIT_DATA_DIR: '/data', STORAGE_URL: 's3://edits' })).toEqual(['data /data']);
});

it('the disk of a folder is measured, also of one that is still to be made', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-disk-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const metrics = createMetrics();
  const stopping = new AbortController();
  const measuring = measureDisks(
    metrics,
    [
      { folder: 'data', path: folder },
      { folder: 'storage', path: join(folder, 'not', 'there') },
    ],
    stopping.signal,
  );
  onTestFinished(() => stopping.abort());
  const read = async () => (await metrics.diskBytes.get()).values;
  await vi.waitUntil(async () => (await read()).length === 4, { timeout: 120_000 });
  const value = (folderName: string, state: string, values: Awaited<ReturnType<typeof read>>) =>
    values.find(({ labels }) => labels.folder === folderName && labels.state === state)?.value ?? 0;
  const values = await read();
  for (const name of ['data', 'storage']) {
    expect(value(name, 'total', values)).toBeGreaterThan(0);
    expect(value(name, 'free', values)).toBeLessThanOrEqual(value(name, 'total', values));
  }
  stopping.abort();
  await measuring;
});

it.runIf(process.platform === 'linux')('a file system that has no size has no figures', async () => {
  const metrics = createMetrics();
  const stopping = new AbortController();
  const measuring = measureDisks(metrics, [{ folder: 'models', path: '/proc' }], stopping.signal);
  stopping.abort();
  await measuring;
  expect((await metrics.diskBytes.get()).values).toEqual([]);
});
