import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '@qwen-edit/contract';
import { newPicture, postJson } from '../calls.ts';
import { pollUntil } from '../waiting.ts';
import type { Stack } from './stack.ts';

/** Answers after which docs/api.md says to send the same request again. */
const AGAIN = new Set([409, 429, 502, 503, 504]);
const PAUSE_MS = 300;
/** For what hangs. */
const LIMIT_MS = 300_000;

/** Sends a request until it has an answer that is none of a trouble, as a careful caller does. */
async function sendAgain(what: string, send: () => Promise<Response>): Promise<Response> {
  const end = performance.now() + LIMIT_MS;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const response = await send();
      if (!AGAIN.has(response.status)) return response;
      last = new Error(`${response.status} ${await response.text()}`);
    } catch (thrown) {
      // The balancer itself may be away.
      last = thrown;
    }
    await delay(PAUSE_MS);
  }
  throw new Error(`In ${LIMIT_MS / 1000} s there was no answer to ${what}`, { cause: last });
}

/** The smallest edit that the demo model makes. */
export async function smallEdit(fields: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
  const picture = (await newPicture()).toString('base64');
  return { prompt: 'Blur this photo', images: [picture], width: 64, height: 64, num_inference_steps: 2, ...fields };
}

/** Submits a small edit through the balancer, once, however often it has to be sent. Returns the accepted job. */
export async function submitThrough(stack: Stack, fields: Readonly<Record<string, unknown>> = {}): Promise<Job> {
  const body = await smallEdit(fields);
  const headers = { ...stack.asCaller(), 'idempotency-key': randomUUID() };
  const response = await sendAgain('an edit', () => postJson(`${stack.balancer}/v1/jobs`, body, { headers }));
  const text = await response.text();
  if (response.status !== 202 && response.status !== 200) throw new Error(`${response.status} ${text}`);
  return JSON.parse(text) as Job;
}

/** Reads a job through the balancer. */
export async function readThrough(stack: Stack, id: string): Promise<Job> {
  const url = `${stack.balancer}/v1/jobs/${id}`;
  const response = await sendAgain(`GET ${id}`, () => fetch(url, { headers: stack.asCaller() }));
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Job;
}

/** Reads a job through the balancer again and again, until it has ended. */
export function untilEndedThrough(stack: Stack, id: string): Promise<Job> {
  return pollUntil(`the end of ${id}`, async () => {
    const job = await readThrough(stack, id);
    return job.status !== 'queued' && job.status !== 'running' && job;
  });
}
