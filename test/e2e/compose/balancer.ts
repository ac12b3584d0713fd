import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Job, Problem } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { environment } from '../../config.ts';
import { queryOnce } from '../../db/query.ts';
import { postJson } from '../calls.ts';
import { docker } from '../containers.ts';
import { pollUntil } from '../waiting.ts';
import { readThrough, smallEdit, submitThrough, untilEndedThrough } from './caller.ts';
import { databaseUrlOf, type Stack } from './stack.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const CALLERS = 4;

/** A picture of so many bytes whose pixels are all black. Source: BITMAPINFOHEADER, 24 bits a pixel. */
function bitmapOf(width: number, height: number): Buffer {
  const header = Buffer.alloc(54);
  const bytes = width * height * 3;
  header.write('BM');
  header.writeUInt32LE(54 + bytes, 2);
  header.writeUInt32LE(54, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(24, 28);
  header.writeUInt32LE(bytes, 34);
  return Buffer.concat([header, Buffer.alloc(bytes)]);
}

/** What the balancer of infra/nginx promises. */
export function balancerTests(the: () => Stack): void {
  const asked = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${the().balancer}${path}`, { ...init, headers: { ...the().asCaller(), ...init.headers } });

  async function postForm(fields: Readonly<Record<string, string>>, picture: Uint8Array): Promise<Response> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    form.set('image', new Blob([new Uint8Array(picture)], { type: 'image/bmp' }), 'large.bmp');
    return asked('/v1/jobs', { method: 'POST', body: form });
  }

  it('an id of a request goes through to the job and back, and a request without one gets one', async () => {
    const stack = the();
    const id = `caller-${randomUUID()}`;
    const headers = { ...stack.asCaller(), 'x-request-id': id };
    const response = await postJson(`${stack.balancer}/v1/jobs`, await smallEdit(), { headers });
    expect(response.headers.get('x-request-id')).toBe(id);
    const job = (await response.json()) as Job;
    const rows = await queryOnce(await databaseUrlOf(stack), 'select request_id from jobs where id = $1', [job.id]);
    expect(rows).toEqual([{ request_id: id }]);
    const lines = await stack.compose('logs', '--no-log-prefix', 'lb');
    expect(lines).toContain(`"request_id":"${id}","method":"POST","path":"/v1/jobs","status":202`);
    expect((await asked('/readyz')).headers.get('x-request-id')).toMatch(/^[\da-f]{32}$/);
  });

  it('events come through when they happen: those of a job that waits are there before it is begun', async () => {
    const stack = the();
    const workers = await stack.containers('worker');
    await docker(['pause', ...workers]);
    let events = '';
    let untold = '';
    const hangUp = new AbortController();
    try {
      const { id } = await submitThrough(stack);
      const response = await asked(`/v1/jobs/${id}/events`, {
        headers: { accept: 'text/event-stream' },
        signal: hangUp.signal,
      });
      expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
      const decoder = new TextDecoder();
      for await (const chunk of response.body!) {
        events += decoder.decode(chunk, { stream: true });
        if (!events.includes('job.queued')) continue;
        if (untold === '') {
          // Nothing else can have come: nobody works.
          untold = (await readThrough(stack, id)).status;
          await docker(['unpause', ...workers]);
        }
        if (events.includes('job.succeeded')) break;
      }
    } finally {
      hangUp.abort();
      if (untold === '') await docker(['unpause', ...workers]);
    }
    expect(untold).toBe('queued');
    expect(events).toContain('job.succeeded');
  });

  it('a picture of 90 MB comes through', async () => {
    const picture = bitmapOf(6000, 5000);
    expect(picture.length).toBeGreaterThan(90_000_000);
    const fields = { prompt: 'Blur this photo', width: '64', height: '64', num_inference_steps: '2' };
    const response = await postForm(fields, picture);
    const job = (await response.json()) as Job;
    expect(response.status, JSON.stringify(job)).toBe(202);
    const done = await untilEndedThrough(the(), job.id);
    expect(done, JSON.stringify(done)).toMatchObject({ status: 'succeeded' });
  });

  it.each([
    ['the API refuses', 5900, 5750],
    ['the balancer refuses', 6000, 6000],
  ])('a body that is too large gets the same answer where %s it', async (_, width, height) => {
    const response = await postForm({ prompt: 'x' }, bitmapOf(width, height));
    expect(response.status).toBe(413);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    const problem = (await response.json()) as Problem;
    expect(problem).toMatchObject({
      type: 'urn:qwen-edit:error:request_too_large',
      status: 413,
      code: 'request_too_large',
      title: 'The request is too large',
      hint: 'Send fewer or smaller parts, or upload pictures by POST /v1/uploads.',
      retryable: false,
    });
    expect(problem.request_id).toBe(response.headers.get('x-request-id'));
  });

  it('the metrics of a random API cannot be read through it', async () => {
    const response = await asked('/metrics');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'not_found' });
  });

  it('without a living API it says so in the form of the API, and that the request may be sent again', async () => {
    const stack = the();
    const ids = await stack.containers('api');
    await docker(['stop', ...ids]);
    try {
      const response = await asked('/v1/jobs');
      expect(response.status).toBe(502);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await response.json()).toMatchObject({ code: 'not_ready', retryable: true, status: 502 });
    } finally {
      await docker(['start', ...ids]);
      await stack.untilHealthy('api');
    }
  });

  it('the same over TLS, with a certificate of one’s own', async () => {
    const stack = the();
    const ca = await readFile(stack.certificate);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(`${stack.secureBalancer}/v1/jobs`, { ca, headers: stack.asCaller() }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
  });

  it('infra/roll.sh replaces both APIs, and no read and no edit with a key is lost', async () => {
    const stack = the();
    const before = await stack.containers('api');
    let over = false;
    let sent = 0;
    const lost: string[] = [];
    const kinds: readonly (() => Promise<Response>)[] = [
      () => asked('/v1/jobs?limit=1'),
      async () => post('/v1/jobs', await smallEdit()),
      async () => {
        const { images, ...fields } = await smallEdit();
        return post('/edit', { ...fields, image_base64: images });
      },
    ];
    const post = (path: string, body: unknown): Promise<Response> =>
      postJson(`${stack.balancer}${path}`, body, {
        headers: { ...stack.asCaller(), 'idempotency-key': randomUUID() },
      });
    const caller = async (send: () => Promise<Response>): Promise<void> => {
      while (!over) {
        sent++;
        try {
          const response = await send();
          const text = await response.text();
          if (response.status >= 300) lost.push(`${response.status} ${text.slice(0, 300)}`);
        } catch (thrown) {
          lost.push(String(thrown instanceof Error ? (thrown.cause ?? thrown) : thrown));
        }
      }
    };
    const callers = Array.from({ length: CALLERS }, (_, i) => caller(kinds[i % kinds.length]!));
    try {
      await run(join(root, 'infra/roll.sh'), ['api'], { env: { ...environment, ...stack.env } });
    } finally {
      over = true;
      await Promise.all(callers);
    }
    expect(lost).toEqual([]);
    expect(sent).toBeGreaterThan(CALLERS);
    const after = await stack.containers('api');
    expect(after).toHaveLength(2);
    expect(after.filter((id) => before.includes(id))).toEqual([]);
    // Both new ones are found.
    const format = `{{(index .NetworkSettings.Networks "${stack.env.COMPOSE_PROJECT_NAME}_outside").IPAddress}}`;
    for (const address of (await docker(['inspect', '--format', format, ...after])).trim().split('\n'))
      await pollUntil(`an answer of ${address} through the balancer`, async () => {
        await (await asked('/readyz')).text();
        return (await stack.compose('logs', '--no-log-prefix', '--tail', '20', 'lb')).includes(`"${address}:7860"`);
      });
  });
}
