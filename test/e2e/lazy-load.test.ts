import { rm } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import type { Health, Job } from '@qwen-edit/contract';
import { afterAll, expect, it } from 'vitest';
import { newPicture, postJson } from './calls.ts';
import { endDatabase } from './embedded.ts';
import { processesWith } from './process-table.ts';
import { runCommand } from './processes.ts';
import { prepare } from './system.ts';
import { pollUntil } from './waiting.ts';

const { folder, env } = await prepare();
afterAll(async () => {
  endDatabase(join(folder, 'data'));
  await rm(folder, { recursive: true, force: true });
});

const read = async <T>(url: string): Promise<T> => (await (await fetch(url)).json()) as T;
const engines = async () => (await processesWith(folder)).filter(({ text }) => text.includes('process/child.ts'));
const WORKER_NICE = 5;

it('with QWEN_EDIT_EAGER_LOAD=0 serve has no engine until a first job, which it makes after the self-test; the engine is nice', async () => {
  const settings = { ...env, QWEN_EDIT_ENGINE_PROGRAM: '', QWEN_EDIT_EAGER_LOAD: '0' };
  const service = runCommand(['serve'], settings, folder);
  const [, url = ''] = await service.until(/is ready at (\S+)/);
  await pollUntil('a worker without a model', async () => {
    const { model_status, workers } = await read<Health>(`${url}/health`);
    return model_status === 'unloaded' && workers[0]?.loads_with_first_job === true;
  });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(await engines()).toEqual([]);

  const images = [(await newPicture()).toString('base64')];
  const response = await postJson(`${url}/v1/jobs`, { prompt: 'blur it', images, width: 64, height: 64 });
  const { id } = (await response.json()) as Job;
  await pollUntil('the end of the job', async () => (await read<Job>(`${url}/v1/jobs/${id}`)).status === 'succeeded');
  // What the API knows of workers may be as old as its cache.
  await pollUntil('a loaded worker', async () => (await read<Health>(`${url}/health`)).model_status === 'ready');
  const [passed, begun] = ['the self-test has passed', 'a job is begun'].map((line) => service.output().indexOf(line));
  expect(passed).toBeGreaterThan(0);
  expect(begun).toBeGreaterThan(Number(passed));
  const [engine, ...others] = await engines();
  expect(others).toEqual([]);
  if (process.platform !== 'win32')
    expect(getPriority(engine?.pid)).toBe(Math.min(19, getPriority(service.child.pid) + WORKER_NICE));
  expect(await service.stop()).toBe(0);
  await pollUntil('the end of the engine', async () => (await engines()).length === 0);
});
