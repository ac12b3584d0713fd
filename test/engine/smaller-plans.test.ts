import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AppError } from '@qwen-edit/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { knownModelShape } from '../../packages/pipeline/src/plan/known-models.ts';
import { createSmallerPlans } from '../../packages/pipeline/src/process/smaller-plan.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { FAKE_MODEL } from '../fakes/results.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { request } from './edits.ts';

const GB = 1e9;

/** The fake engine, and beside it a file with the memory that each engine was told to plan with. */
async function notingProgram(): Promise<{ program: string; told: () => Promise<readonly unknown[]> }> {
  const folder = await temporaryFolder();
  const notes = join(folder, 'loads');
  await writeFile(notes, '');
  const program = join(folder, 'noting.ts');
  const at = (path: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);
  await writeFile(
    program,
    `import { appendFileSync } from 'node:fs';
     import { Socket } from 'node:net';
     import { readFrames } from ${at('../../packages/pipeline/src/process/framing.ts')};
     const on = Socket.prototype.on;
     // The fake engine reads the pipe; this reads along.
     Socket.prototype.on = function (event, listener) {
       if (event !== 'data' || this.isNoted) return on.call(this, event, listener);
       this.isNoted = true;
       readFrames(this, {
         onFrame({ header }) {
           if (header.type === 'load') appendFileSync(${JSON.stringify(notes)}, JSON.stringify(header.deviceMemoryBytes ?? null) + '\\n');
         },
         onGarbage() {},
       });
       return on.call(this, event, listener);
     };
     await import(${at('../fakes/engine.ts')});`,
  );
  const lines = async () => (await readFile(notes, 'utf8')).split('\n').filter((line) => line !== '');
  return { program, told: async () => (await lines()).map((line) => JSON.parse(line) as unknown) };
}

/** A pipeline on a card whose engine is the fake one, and what it was told. */
async function pipelineOn(device: string, deviceMemoryBytes?: number) {
  const { program, told } = await notingProgram();
  const troubles: AppError[] = [];
  const options = { device, deviceMemoryBytes, program, modelDir: checkpointDir('tiny-c') };
  const pipeline = await createPipeline({ ...options, onTrouble: (error) => troubles.push(error) });
  onTestFinished(() => pipeline.close());
  return { pipeline, told, troubles };
}

const failing = async (words: string) => {
  const mark = join(await temporaryFolder(), 'seen');
  return request(2, { prompt: `fail:out_of_memory ${words}${mark}` });
};

describe('a device without memory left in an edit', () => {
  it('its engine is replaced, and the edit made again with a plan one size smaller, which is told', async () => {
    const { pipeline, told, troubles } = await pipelineOn('webgpu', 20 * GB);
    const before = pipeline.enginePid;
    const { outputs } = await pipeline.edit(await failing('once:'));
    expect(outputs).toHaveLength(1);
    expect(pipeline.enginePid).not.toBe(before);
    expect(await told()).toEqual([20 * GB, 17 * GB]);
    expect(troubles.map(({ code, message }) => [code, message])).toEqual([
      [
        'out_of_memory',
        expect.stringContaining('The device webgpu has no memory left. Its engine is replaced, and plans with 17.0 GB'),
      ],
    ]);
  });

  it('once: an edit that fails again ends with out_of_memory, and the next one has a new engine and that plan', async () => {
    const { pipeline, told, troubles } = await pipelineOn('webgpu', 20 * GB);
    await expectRefusal(pipeline.edit(await failing('times:2:')), 'out_of_memory', 'The script says');
    expect(troubles).toHaveLength(1);
    await pipeline.edit(request(1));
    expect(await told()).toEqual([20 * GB, 17 * GB, 17 * GB]);
  });

  it('never plans with less than half of what was said, where no plan can be made', async () => {
    const { pipeline, told } = await pipelineOn('webgpu', 10 * GB);
    for (let i = 0; i < 4; i++) await pipeline.edit(await failing('once:'));
    const fifth = pipeline.edit(await failing('once:'));
    await expectRefusal(fifth, 'out_of_memory', 'The script says');
    expect((await told()).map((bytes) => Math.round(Number(bytes) / 1e8) / 10)).toEqual([10, 8.5, 7.2, 6.1, 5.2]);
  });

  it('nothing is made again on a processor, or where nobody knows how much memory there is', async () => {
    for (const on of ['cpu', 'webgpu']) {
      const { pipeline, told, troubles } = await pipelineOn(on);
      await expectRefusal(pipeline.edit(await failing('once:')), 'out_of_memory', 'The script says');
      expect([await told(), troubles]).toEqual([[null], []]);
    }
  });

  it('another failure is no reason', async () => {
    const { pipeline, told } = await pipelineOn('webgpu', 20 * GB);
    await expectRefusal(
      pipeline.edit(request(2, { prompt: 'fail:engine_failed' })),
      'engine_failed',
      'The script says',
    );
    expect(await told()).toEqual([20 * GB]);
  });
});

it('the next smaller plan takes less than an edit of usual size did, whatever memory was said to be there', async () => {
  const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
  const { AppError: Fault } = await import('@qwen-edit/contract');
  const after = async (deviceMemoryBytes: number | undefined) => {
    const plans = createSmallerPlans({
      ...{ device: 'webgpu', deviceMemoryBytes, onTrouble: undefined },
      model: () => ({ ...FAKE_MODEL, device: 'webgpu', precision: 'fp32', shape }),
      endEngine: async () => undefined,
    });
    await plans.orSmaller(() => Promise.reject(new Fault('out_of_memory', 'no room'))).catch(() => undefined);
    return plans.deviceMemoryBytes;
  };
  // All of it takes 86 GB.
  const known = (await after(192 * GB))!;
  expect(known / GB).toBeCloseTo(0.85 * 86.2, 0);
  expect(await after(undefined)).toBe(known);
  expect(await after(24 * GB)).toBeLessThanOrEqual(0.85 * 24 * GB);
  // Already the least.
  expect(await after(3.6 * GB)).toBe(3.6 * GB);
});
