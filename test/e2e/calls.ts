import { createHash } from 'node:crypto';
import type { Job, JobEvent } from '@qwen-edit/contract';
import sharp from 'sharp';
import { expect } from 'vitest';
import { queryOnce } from '../db/query.ts';
import type { System } from './system.ts';
import { pollUntil } from './waiting.ts';

const TERMINAL = new Set(['succeeded', 'failed', 'canceled', 'expired']);
let drawn = 0;

/** A small picture that no other test has. */
export function newPicture(): Promise<Buffer> {
  const n = ++drawn;
  const background = { r: n % 256, g: n >> 8, b: 120 };
  return sharp({ create: { width: 24, height: 16, channels: 3, background } })
    .png()
    .toBuffer();
}

/** The URL of one of the running APIs. */
export function apiOf(system: System, n = 0): string {
  const urls = system.members('api').flatMap(({ url }) => url ?? []);
  const url = urls[n % urls.length];
  if (url === undefined) throw new Error('no API is running');
  return url;
}

/** Sends a POST with a JSON body. */
export function postJson(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  return fetch(url, { ...init, method: 'POST', headers, body: JSON.stringify(body) });
}

export interface SubmitPromptOptions {
  readonly api?: string;
  readonly headers?: Record<string, string>;
}

/** Submits an edit of a new picture. The words of the prompt tell the fake engine what to do. */
export async function submitPrompt(
  system: System,
  prompt: string,
  fields: Readonly<Record<string, unknown>> = {},
  { api = apiOf(system), headers = {} }: SubmitPromptOptions = {},
): Promise<Job> {
  const images = [(await newPicture()).toString('base64')];
  return accepted(system, await postJson(`${api}/v1/jobs`, { prompt, images, ...fields }, { headers }));
}

/** Reads the job of a 202 and adds it to those that were accepted. */
export async function accepted(system: System, response: Response): Promise<Job> {
  const body = await response.text();
  expect(response.status, body).toBe(202);
  const job = JSON.parse(body) as Job;
  system.accepted.add(job.id);
  return job;
}

/** The id of the job that was submitted with this prompt, also if its request has no answer yet. */
export function jobWithPrompt(system: System, prompt: string): Promise<string> {
  return pollUntil(`a job with the prompt ${prompt}`, async () => {
    const text = `select id from jobs where parameters->>'prompt' = $1`;
    return (await queryOnce<{ id: string }>(await system.databaseUrl(), text, [prompt]))[0]?.id;
  });
}

export async function cancelJob(system: System, id: string): Promise<Job> {
  const response = await fetch(`${apiOf(system)}/v1/jobs/${id}/cancel`, { method: 'POST' });
  expect(response.status).toBe(200);
  return (await response.json()) as Job;
}

/** Cancels every job that has not ended. */
export async function cancelAll(system: System): Promise<void> {
  const text = `select id from jobs where status in ('queued', 'running')`;
  for (const { id } of await queryOnce<{ id: string }>(await system.databaseUrl(), text)) await cancelJob(system, id);
}

export async function getJob(system: System, id: string, api = apiOf(system)): Promise<Job> {
  const response = await fetch(`${api}/v1/jobs/${id}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Job;
}

/** Polls until the job has ended. */
export function untilEnded(system: System, id: string): Promise<Job> {
  return pollUntil(`the end of ${id}`, async () => {
    const job = await getJob(system, id);
    return TERMINAL.has(job.status) && job;
  });
}

/** Polls until the job has succeeded. Fails at once if it ends otherwise. */
export async function untilSucceeded(system: System, id: string): Promise<Job> {
  const job = await untilEnded(system, id);
  expect(job, JSON.stringify(await eventsOf(system, id))).toMatchObject({ status: 'succeeded', error: null });
  return job;
}

export async function eventsOf(system: System, id: string): Promise<readonly JobEvent[]> {
  const response = await fetch(`${apiOf(system)}/v1/jobs/${id}/events?limit=1000`);
  expect(response.status).toBe(200);
  const { data } = (await response.json()) as { data: JobEvent[] };
  return data;
}

export async function eventTypesOf(system: System, id: string): Promise<readonly string[]> {
  return (await eventsOf(system, id)).map(({ type }) => type);
}

/** Resolves when the engine has reached this step of the job. */
export function untilStep(system: System, id: string, step: number): Promise<Job> {
  return pollUntil(`step ${step} of ${id}`, async () => {
    const job = await getJob(system, id);
    const { progress } = job;
    return progress.stage === 'denoise' && (progress.step ?? 0) >= step && job;
  });
}

/** Fetches a result and checks that it is the picture that the job describes. */
export async function fetchOutput(system: System, job: Job, index = 0): Promise<Buffer> {
  const output = job.output?.[index];
  // The URL in the job names the API that answered; that one may have ended meanwhile.
  const response = await fetch(`${apiOf(system)}/v1/jobs/${job.id}/outputs/${index}`);
  expect(response.status).toBe(200);
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(sha256Hex(bytes)).toBe(output?.sha256);
  expect(await sharp(bytes).metadata()).toMatchObject({ width: output?.width, height: output?.height });
  return bytes;
}

export const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
