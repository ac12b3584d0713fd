import { join } from 'node:path';
import { memoryPlanSchema } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { byteSize } from './byte-size.ts';
import { planCommand } from './plan-command.ts';

const DEMO = join(import.meta.dirname, '../../../../packages/demo-model');

async function plan(line: string, environment: Record<string, string> = {}) {
  let out = '';
  const print = (text: string): void => {
    out += text;
  };
  const terminal = { out: print, err: () => {}, errIsTty: false, columns: () => 80 };
  const args = line.split(' ').filter((word) => word !== '');
  const code = await planCommand(args, { terminal, config: readConfig(environment), demoModelDir: DEMO });
  return { code, out };
}

describe('qwen-edit plan memory', () => {
  it('tells of the real model without its files: a line for each stage, what fits, and what would', async () => {
    const { code, out } = await plan('memory --memory 24GB');
    expect(code).toBe(1);
    expect(out).toContain('Qwen/Qwen-Image-Edit-2511: fp32 on cpu, 1024 x 1024 from 1 picture, 40 steps\n');
    expect(out).toMatch(/^denoise +(1\d\.\d GB) +(\d\.\d GB|1\d\.\d GB) +\d\.\d GB +\d\.\d GB +2\d\.\d GB$/m);
    expect(out).toMatch(
      /^In memory: \d\d of 62 segments of the transformer, also between edits; nothing of the language model;/m,
    );
    expect(out).toContain('It does not fit:');
    expect(out).toContain('  - precision w8a8\n  - precision w8\n  - precision w4\n');
    expect(out).toMatch(/ {2}- as it is, from disk: each step reads \d+\.\d GB, \d+ s at 1 GB\/s\n/);
    expect(out).toContain('It computes 13363 TFLOP: about ');
  });

  it('exits 0 if it fits, and with 1 if it does not', async () => {
    expect((await plan('memory --memory 64GiB')).code).toBe(0);
    expect((await plan('memory --memory 2GiB')).code).toBe(1);
    expect((await plan(`memory --model ${DEMO} --memory 1GiB`)).code).toBe(0);
  });

  it('reads a model folder, the one of the setting if no other is named', async () => {
    const { out } = await plan('memory --memory 8GiB', { QWEN_EDIT_2511_DIR: DEMO });
    expect(out).toContain(`${DEMO}: fp32 on cpu, 256 x 256 from 1 picture, 6 steps\n`);
  });

  it('takes a size, a preset and a number of pictures', async () => {
    const { out } = await plan('memory --size 640x480 --references 3 --memory 64GiB');
    expect(out).toContain('640 x 480 from 3 pictures');
    expect((await plan('memory --preset draft --memory 64GiB')).out).toContain('512 x 512 from 1 picture');
  });

  it('takes the kind of the references and the steps', async () => {
    const { out } = await plan('memory --size 512x512 --reference-size output --steps 12 --json --memory 64GiB');
    expect(JSON.parse(out)).toMatchObject({
      references: [{ width: 512, height: 512 }],
      num_inference_steps: 12,
    });
  });

  it('plans in the memory of a card, and tells what it takes of main memory beside', async () => {
    const { code, out } = await plan('memory --device cuda --memory 24GiB --precision w8');
    expect(code).toBe(0);
    expect(out).toContain('w8 on cuda, 1024 x 1024 from 1 picture, 40 steps\n');
    expect(out).toMatch(/^stage +held +copied +kept +computing +together$/m);
    expect(out).toMatch(/^It fits: the stage that needs most takes 1\d\.\d GB of 25\.8 GB\.$/m);
    expect(out).toMatch(/^In memory: all of the transformer, also between edits;/m);
    expect(out).toMatch(
      /^Of main memory it takes \d\.\d GB beside, and pages of the weight files as there is room\.$/m,
    );
    // Two more than on a processor: convolutions are computed as they stand on a card.
    expect(out).toMatch(/^It computes 13365 TFLOP\.$/m);
  });

  it('of a card that is too small says that it streams, and what would do', async () => {
    const { code, out } = await plan('memory --device webgpu --memory 12GiB --precision w8');
    expect(code).toBe(1);
    expect(out).toMatch(/with weights copied from files in each step: \d\.\d GB are enough/);
    expect(out).toMatch(/ {2}- as it is, from files: each step copies \d+\.\d GB, \d+ s at 1 GB\/s\n/);
    const unknown = await plan('memory --device webgpu');
    expect(unknown).toMatchObject({ code: 0, out: expect.stringContaining('Give --memory to learn whether it fits.') });
  });

  it('says that the VAE works in tiles on a card where whole pictures do not fit', async () => {
    const { out } = await plan('memory --device webgpu --memory 2GiB --precision w4');
    expect(out).toContain('The VAE works in tiles, since whole pictures do not fit:');
  });

  it('plans the preset of a model that is not downloaded: Lightning takes 4 steps without guidance', async () => {
    const estimates = [];
    for (const preset of ['lightning-4', 'standard'])
      estimates.push(JSON.parse((await plan(`memory --json --memory 64GiB --preset ${preset}`)).out));
    const [lightning, standard] = estimates;
    expect(lightning).toMatchObject({ num_inference_steps: 4, passes: 1 });
    expect(standard).toMatchObject({ num_inference_steps: 40, passes: 2 });
    expect(lightning.flops.total).toBeLessThan(standard.flops.total / 15);
  });

  it('prints one JSON object', async () => {
    const { out } = await plan('memory --json --memory 24GiB --precision int8');
    const { model, memory } = JSON.parse(out);
    expect(model).toBe('Qwen/Qwen-Image-Edit-2511');
    expect(memoryPlanSchema.parse(memory)).toMatchObject({
      precision: 'w8a8',
      verdict: 'fits',
      obstacle: null,
    });
  });

  it.each([
    ['', 'Say what to plan: memory.'],
    ['time', "There is no plan 'time', but memory."],
    ['memory --device gpu', "--device must be one of cpu, webgpu, cuda, got 'gpu'."],
    ['memory --precision int3', 'There is no precision "int3"'],
    ['memory --precision bf16', 'The device cpu has no arithmetic for bf16; cpu runs fp32, w8a8, w8, w4.'],
    ['memory --memory much', "--memory must be a size such as 16GiB, got 'much'."],
    ['memory --size 512', "--size must be WIDTHxHEIGHT with sides up to 4096, got '512'."],
    ['memory --size 9999x1', "--size must be WIDTHxHEIGHT with sides up to 4096, got '9999x1'."],
    [
      'memory --preset lightning-5',
      "--preset must be one of standard, draft, lightning-4, lightning-8 with this model, got 'lightning-5'. Did you mean lightning-4?",
    ],
    ['memory --reference-size area', "--reference-size must be one of model, output, got 'area'."],
    ['memory --steps 101', '--steps must be 1 to 100, got 101.'],
    ['memory --references 9', '--references must be 1 to 8, got 9.'],
    ['memory --model no/such-model', 'no/such-model is not whole in the cache'],
    ['memory --model ./nowhere', './nowhere is not a model folder'],
  ])('%s is refused with words', async (line, words) => {
    await expect(plan(line)).rejects.toThrow(words);
  });
});

it.each([
  ['16GiB', 16 * 2 ** 30],
  ['16g', 16 * 2 ** 30],
  ['16 GB', 16e9],
  ['1.5 tib', 1.5 * 2 ** 40],
  ['1048576', 2 ** 20],
])('%s is %d bytes', (text, bytes) => {
  expect(byteSize('--memory', text)).toBe(bytes);
});

it.each(['', '0', '-1GiB', '16GiBs', 'GiB', '1e3', '16 constructor', '9'.repeat(30)])('%j is no size', (text) => {
  expect(() => byteSize('--memory', text)).toThrow('--memory must be a size such as 16GiB');
});
