import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '@qwen-edit/contract';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { apiOf, fetchOutput, postJson } from '../calls.ts';
import type { System } from '../system.ts';

const photo = join(import.meta.dirname, '../../../scripts/demo/photos/cat.jpg');
const REAL = { QWEN_EDIT_ENGINE_PROGRAM: '', QWEN_EDIT_LEASE_SECONDS: '10', QWEN_EDIT_GRACE_SECONDS: '20' };

/** How far the three colours of a picture lie apart, as means over all of it. */
async function colourfulness(bytes: Uint8Array): Promise<number> {
  const { channels } = await sharp(bytes).removeAlpha().stats();
  const means = channels.map(({ mean }) => mean);
  return Math.max(...means) - Math.min(...means);
}

/** The same service with the demo model. */
export function editTests(the: () => System): void {
  it('pictures are truly edited: a job, and POST /edit', async () => {
    const system = the();
    await Promise.all(system.members('worker').map((worker) => worker.stop()));
    await system.start('worker', REAL);

    const bytes = await readFile(photo);
    expect(await colourfulness(bytes)).toBeGreaterThan(20);
    const edit = { prompt: 'Turn this photo into grayscale', num_inference_steps: 4, width: 256, height: 256 };
    const image = bytes.toString('base64');
    const submitted = postJson(
      `${apiOf(system)}/v1/jobs`,
      { ...edit, images: [image] },
      { headers: { prefer: 'wait=60' } },
    );
    const response = await submitted;
    const job = (await response.json()) as Job;
    system.accepted.add(job.id);
    expect(job).toMatchObject({ status: 'succeeded', receipt: { model: { demo: true } } });
    expect(await colourfulness(await fetchOutput(system, job))).toBeLessThan(10);

    const answer = await postJson(`${apiOf(system)}/edit`, { ...edit, image_base64: [image] });
    expect(answer.status).toBe(200);
    const { image_base64, job_id } = (await answer.json()) as { image_base64: string; job_id: string };
    system.accepted.add(job_id);
    expect(await colourfulness(Buffer.from(image_base64, 'base64'))).toBeLessThan(10);
  });
}
