import { expect } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { queryOnce } from '../db/query.ts';
import { newPicture, postJson } from './calls.ts';
import type { Outside } from './receiver.ts';
import type { ServiceProcess } from './service-processes.ts';
import { pollUntil } from './waiting.ts';

export interface EditCheckDeps {
  readonly outside: Outside;
  readonly databaseUrl: string;
  /** What all processes wrote, for a test that fails. */
  readonly output: () => string;
}

let hooks = 0;

/** Submits at one API and waits for the result and the webhook. Which process ran it is told by the worker's row. */
export async function expectEdited(
  { outside, databaseUrl, output }: EditCheckDeps,
  api: ServiceProcess,
  worker: ServiceProcess,
): Promise<void> {
  const hook = `${api.pid}-${worker.pid}-${hooks++}`;
  const { id } = await postEdit(api, { webhook_url: outside.hook(hook) });
  const job = await pollUntil(`the end of ${id}`, async () => {
    const now = await readEdit(api, id);
    return !['queued', 'running'].includes(now.status) && now;
  });
  expect(job, output()).toMatchObject({ status: 'succeeded', attempt: 1 });
  const picture = await fetch(`${api.url}/v1/jobs/${id}/outputs/0`);
  expect(picture.status).toBe(200);
  expect((await picture.arrayBuffer()).byteLength).toBe(job.output?.[0]?.bytes);
  const [delivery] = await outside.untilReceived(hook);
  expect(JSON.parse(delivery!.body)).toMatchObject({ type: 'job.succeeded' });
  const text = 'select pid from workers where id = (select worker_id from jobs where id = $1)';
  expect(await queryOnce(databaseUrl, text, [id])).toEqual([{ pid: worker.pid }]);
}

export async function postEdit(api: ServiceProcess, fields: Record<string, unknown> = {}): Promise<Job> {
  const images = [(await newPicture()).toString('base64')];
  const response = await postJson(`${api.url}/v1/jobs`, { prompt: 'x', images, ...fields });
  expect(response.status).toBe(202);
  return (await response.json()) as Job;
}

export async function readEdit(api: ServiceProcess, id: string): Promise<Job> {
  const response = await fetch(`${api.url}/v1/jobs/${id}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Job;
}
