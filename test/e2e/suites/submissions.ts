import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { queryOnce } from '../../db/query.ts';
import {
  accepted,
  apiOf,
  eventTypesOf,
  fetchOutput,
  getJob,
  newPicture,
  postJson,
  sha256Hex,
  submitPrompt,
  untilEnded,
  untilSucceeded,
} from '../calls.ts';
import { runCommand } from '../processes.ts';
import type { System } from '../system.ts';

type Send = (system: System, picture: Buffer) => Promise<Response>;

const params = { prompt: 'make it blue', num_inference_steps: 2, seed: '18446744073709551615' };
const json =
  (image: (system: System, picture: Buffer) => unknown): Send =>
  async (system, picture) =>
    postJson(`${apiOf(system)}/v1/jobs`, { ...params, images: [await image(system, picture)] });
const form =
  (fields: Readonly<Record<string, string>>): Send =>
  (system, picture) => {
    const body = new FormData();
    body.append('image', new Blob([new Uint8Array(picture)]), 'picture.png');
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return fetch(`${apiOf(system)}/v1/jobs`, { method: 'POST', body });
  };

const FORMS: readonly (readonly [string, Send])[] = [
  ['a form with params as JSON', form({ params: JSON.stringify(params) })],
  ['a form with flat fields', form({ ...params, num_inference_steps: '2' })],
  ['JSON with base64', json((_, picture) => picture.toString('base64'))],
  ['JSON with a data URL', json((_, picture) => `data:image/png;base64,${picture.toString('base64')}`)],
  ['JSON with a web address', json(({ outside }, picture) => outside.picture(picture))],
  ['JSON with an upload', json(upload)],
];

/** Puts a picture to a presigned address and returns the upload's id. */
async function upload(system: System, picture: Buffer): Promise<string> {
  const response = await postJson(`${apiOf(system)}/v1/uploads`, { media_type: 'image/png' });
  expect(response.status).toBe(201);
  const { id, url, method, headers } = (await response.json()) as {
    id: string;
    url: string;
    method: string;
    headers: Record<string, string>;
  };
  const put = await fetch(url, { method, headers, body: new Uint8Array(picture) });
  expect(put.ok, await put.text()).toBe(true);
  return id;
}

export function submissionTests(the: () => System): void {
  it.each(FORMS)('%s becomes a job, whose result can be fetched', async (_, send) => {
    const system = the();
    const picture = await newPicture();
    const response = await send(system, picture);
    const { id, urls, status } = await accepted(system, response);
    expect(response.headers.get('location')).toBe(urls.get);
    expect(status).toMatch(/^(queued|running|succeeded)$/);

    const job = await untilSucceeded(system, id);
    expect(job).toMatchObject({
      input: { ...params, images: [{ sha256: sha256Hex(picture), bytes: picture.length, width: 24, height: 16 }] },
      seed: params.seed,
      progress: { queue_position: null },
      receipt: { parameters: { num_inference_steps: 2 }, images: [{ sha256: sha256Hex(picture) }] },
    });
    await fetchOutput(system, job);
    expect(await eventTypesOf(system, id)).toEqual(
      expect.arrayContaining(['job.queued', 'job.started', 'job.progress', 'job.succeeded']),
    );
  });

  it('who prefers to wait gets the finished job', async () => {
    const system = the();
    const images = [(await newPicture()).toString('base64')];
    const body = { prompt: 'three of them', images, num_images_per_prompt: 3, metadata: { of: 'waiting' } };
    const response = await postJson(`${apiOf(system)}/v1/jobs`, body, { headers: { prefer: 'wait=60' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('preference-applied')).toBe('wait=60');
    const job = (await response.json()) as Job;
    system.accepted.add(job.id);
    expect(job).toMatchObject({ status: 'succeeded', metadata: { of: 'waiting' } });
    expect(new Set(await Promise.all([0, 1, 2].map((i) => fetchOutput(system, job, i).then(sha256Hex)))).size).toBe(3);
  });

  it('the command submits, waits, and saves the result', async () => {
    const system = the();
    const input = join(system.folder, 'in.png');
    const output = join(system.folder, 'out.webp');
    await writeFile(input, await newPicture());
    const flags = [
      '--url',
      apiOf(system),
      '--image',
      input,
      '--prompt',
      'x',
      '--steps',
      '2',
      '--out',
      output,
      '--json',
    ];
    const command = runCommand(['submit', ...flags], {}, system.folder);
    expect(await command.ended, command.output()).toBe(0);
    const saved = await readFile(output);
    expect(saved.subarray(8, 12).toString()).toBe('WEBP');
    const list = runCommand(['list', '--url', apiOf(system), '--limit', '1', '--json'], {}, system.folder);
    expect(await list.ended).toBe(0);
    const id = /job_[0-9a-f]{32}/.exec(list.output())?.[0] ?? '';
    system.accepted.add(id);
    expect((await getJob(system, id)).output?.[0]?.sha256).toBe(sha256Hex(saved));
  });

  it('a job with a deadline that has passed expires', async () => {
    const system = the();
    const { id } = await submitPrompt(system, 'stay', { deadline: new Date(Date.now() + 2000).toISOString() });
    expect(await untilEnded(system, id)).toMatchObject({ status: 'expired', error: { code: 'expired' } });
  });

  it('fifty at once with one Idempotency-Key are one job', async () => {
    const system = the();
    const images = [(await newPicture()).toString('base64')];
    const body = { prompt: 'once and no more', images, metadata: { of: 'fifty' } };
    const headers = { 'idempotency-key': `fifty ${crypto.randomUUID()}` };
    const send = async (_: unknown, n: number): Promise<{ id: string; replayed: boolean; refused: number }> => {
      for (let refused = 0; ; refused++) {
        const response = await postJson(`${apiOf(system, n)}/v1/jobs`, body, { headers });
        if (response.status !== 409) {
          const replayed = response.headers.get('idempotent-replayed') === 'true';
          return { id: (await accepted(system, response)).id, replayed, refused };
        }
        expect(await response.json()).toMatchObject({ code: 'idempotency_in_flight', retryable: true });
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    };
    const answers = await Promise.all(Array.from({ length: 50 }, send));
    const ids = new Set(answers.map(({ id }) => id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const rows = await queryOnce(await system.databaseUrl(), `select id from jobs where metadata->>'of' = 'fifty'`);
    expect(rows).toEqual([...ids].map((id) => ({ id })));

    const other = await postJson(`${apiOf(system)}/v1/jobs`, { ...body, prompt: 'another' }, { headers });
    expect(other.status).toBe(422);
    expect(await other.json()).toMatchObject({ code: 'idempotency_mismatch' });
  });
}
