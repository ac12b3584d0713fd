import sharp from 'sharp';
import { expect, it } from 'vitest';
import { apiOf, getJob, jobWithPrompt, newPicture, postJson, untilEnded, untilStep } from '../calls.ts';
import type { System } from '../system.ts';
import { pollUntil } from '../waiting.ts';

interface EditAnswer {
  readonly image_base64: string;
  readonly images_base64: readonly string[];
  readonly seed: number;
  readonly job_id: string;
}

export function guideTests(the: () => System): void {
  it('POST /edit answers with the pictures: JSON', async () => {
    const system = the();
    const image_base64 = [(await newPicture()).toString('base64'), (await newPicture()).toString('base64')];
    const image_url = [system.outside.picture(await newPicture())];
    const body = { prompt: 'all three', images: { image_base64, image_url }, seed: 7, num_images_per_prompt: 2 };
    const response = await postJson(`${apiOf(system)}/edit`, body);
    expect(response.status).toBe(200);
    const answer = (await response.json()) as EditAnswer;
    system.accepted.add(answer.job_id);
    expect(Object.keys(answer).sort()).toEqual([
      'image_base64',
      'images_base64',
      'job_id',
      'seed',
      'unchanged',
      'warnings',
    ]);
    expect(answer).toMatchObject({ seed: 7, image_base64: answer.images_base64[0] });
    expect(answer.images_base64).toHaveLength(2);
    for (const each of answer.images_base64)
      expect(await sharp(Buffer.from(each, 'base64')).metadata()).toMatchObject({ format: 'png' });
    expect((await getJob(system, answer.job_id)).input.images).toHaveLength(3);
  });

  it('POST /edit answers with the pictures: a form', async () => {
    const system = the();
    const body = new FormData();
    body.append('file', new Blob([new Uint8Array(await newPicture())]), 'picture.png');
    body.append('prompt', 'as FastAPI takes it');
    body.append('steps', '3');
    const response = await fetch(`${apiOf(system)}/edit`, { method: 'POST', body });
    expect(response.status).toBe(200);
    const { job_id } = (await response.json()) as EditAnswer;
    system.accepted.add(job_id);
    expect((await getJob(system, job_id)).input).toMatchObject({ num_inference_steps: 3 });
  });

  it('POST /edit tells why an edit failed', async () => {
    const system = the();
    const image_base64 = [(await newPicture()).toString('base64')];
    const response = await postJson(`${apiOf(system)}/edit`, { prompt: 'fail:result_invalid', image_base64 });
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ code: 'result_invalid' });
  });

  it('a caller of /edit that goes away cancels its job', async () => {
    const system = the();
    const prompt = `stay at:1 ${crypto.randomUUID()}`;
    const caller = new AbortController();
    const image_base64 = [(await newPicture()).toString('base64')];
    const answer = postJson(`${apiOf(system)}/edit`, { prompt, image_base64 }, { signal: caller.signal });
    const gone = expect(answer).rejects.toThrow();
    const id = await jobWithPrompt(system, prompt);
    await untilStep(system, id, 1);
    caller.abort();
    await gone;
    expect(await untilEnded(system, id)).toMatchObject({ status: 'canceled' });
  });

  it('/health tells of each worker, and is always 200', async () => {
    const system = the();
    const health = await pollUntil('workers that are ready', async () => {
      const response = await fetch(`${apiOf(system)}/health`);
      expect(response.status).toBe(200);
      const body = (await response.json()) as { workers: { ready: boolean }[] };
      return (
        body.workers.length === system.members('worker').length && body.workers.every(({ ready }) => ready) && body
      );
    });
    expect(health).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+/), model: 'fake-model' });
    for (const worker of health.workers) {
      expect(Object.keys(worker)).toEqual([
        ...['gpu_id', 'device', 'ready', 'queue_len', 'last_error'],
        ...['loads_with_first_job', 'download', 'uptime_s'],
      ]);
      expect(worker).toMatchObject({ gpu_id: null, queue_len: expect.any(Number), uptime_s: expect.any(Number) });
    }
  });

  it('/livez, /readyz, /v1/models and /metrics answer', async () => {
    const api = apiOf(the());
    expect(await (await fetch(`${api}/livez`)).json()).toEqual({ status: 'live' });
    expect(await (await fetch(`${api}/readyz`)).json()).toEqual({ status: 'ready' });
    expect((await fetch(`${api}/v1/models`)).status).toBe(200);
    expect(await (await fetch(`${api}/metrics`)).text()).toMatch(/^qwen_edit_queue_\w+(\{.*\})? \d/m);
  });
}
