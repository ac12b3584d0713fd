import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { trueWidth, writeRandomTransformer } from '../../packages/pipeline/bench/random-transformer.ts';
import { SHAPE } from '../../packages/pipeline/bench/shape.ts';
import { inspectModel } from '../../packages/pipeline/src/index.ts';
import { transformerTensors } from '../../packages/pipeline/src/plan/checkpoint-tensors.ts';
import { knownModelShape } from '../../packages/pipeline/src/plan/known-models.ts';
import { planMemory } from '../../packages/pipeline/src/plan/memory.ts';
import { plannedEdit } from '../../packages/pipeline/src/plan/planned-edit.ts';

const root = join(import.meta.dirname, '../..');
const bench = join(root, 'packages/pipeline/bench');
const run = promisify(execFile);
const measuredSchema = z.object({ peak: z.number() });

/** Of wide models in whole edits bench/measure-memory.ts shows a tenth. */
const TOLERANCE = 0.15;

/** Peak memory of a process that runs a script of the bench, pages of mapped files counted. `group`: a control group that it joins. */
async function peakOf(script: string, args: readonly string[], group?: string): Promise<number> {
  const join_ = group === undefined ? '' : `echo $$ > ${group}/cgroup.procs; `;
  const { stdout } = await run('sh', ['-c', `${join_}exec "$0" "$@"`, process.execPath, join(bench, script), ...args]);
  return measuredSchema.parse(JSON.parse(stdout)).peak;
}

function expectNear(predicted: number, measured: number, tolerance: number): void {
  const words = `${Math.round(predicted / 1e6)} MB predicted, ${Math.round(measured / 1e6)} MB measured`;
  expect(predicted / measured, words).toBeGreaterThan(1 - tolerance);
  expect(predicted / measured, words).toBeLessThan(1 + tolerance);
}

/** A control group with so much memory, of version 2 or 1; undefined where none can be made. */
async function groupWith(bytes: number): Promise<string | undefined> {
  const name = `qwen-edit-test-${process.pid}`;
  for (const [parent, limit] of [
    ['/sys/fs/cgroup', 'memory.max'],
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
  ] as const) {
    const group = join(parent, name);
    try {
      await mkdir(group);
      onTestFinished(() => rmdir(group).catch(() => undefined));
      await writeFile(join(group, limit), String(bytes), { flag: 'r+' });
      return group;
    } catch {
      await rmdir(group).catch(() => undefined);
    }
  }
  return undefined;
}

describe('a transformer of three blocks of 1536 channels', () => {
  const layers = 3;
  const heads = 12;
  const config = { ...trueWidth(layers), num_attention_heads: heads };
  const NONE = { parameters: 0, bytes: 0, dtypes: {}, largest_widened: 0 };
  let folder = '';
  let bytes = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qwen-edit-planned-'));
    bytes = writeRandomTransformer(folder, config, 'F32');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** What is planned for its denoising, in so much memory; the process has no other network. */
  function denoisePlan(memoryBytes: number | undefined) {
    const sizes = [...transformerTensors(config)].map(
      ([name, sides]) => [name, sides.reduce((product, side) => product * side, 1)] as const,
    );
    const sum = (list: typeof sizes): number => list.reduce((total, [, size]) => total + size, 0);
    const modulation = sum(sizes.filter(([name]) => /_mod\.1\./.test(name)));
    const known = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
    const shape = {
      ...known,
      transformer: {
        ...known.transformer,
        ...{ layers, heads, hidden_size: heads * config.attention_head_dim },
        weights: {
          ...{ parameters: sum(sizes), bytes, dtypes: { F32: bytes } },
          largest_widened: 0,
        },
        modulation: { parameters: modulation, bytes: 4 * modulation },
      },
      language: { ...known.language, layers: 1, hidden_size: 28, intermediate_size: 28, weights: NONE },
      vision: { ...known.vision, layers: 1, hidden_size: 16, intermediate_size: 16, weights: NONE },
      vae: { ...known.vae, base_dim: 1, dim_mult: [1] },
    };
    const square = { width: 16 * SHAPE.columns, height: 16 * SHAPE.rows };
    const edit = { ...plannedEdit({}, [square], square), references: [square], steps: 1 };
    const plan = planMemory(shape, edit, { device: 'cpu', precision: 'fp32', memoryBytes });
    return { ...plan.stages.find(({ stage }) => stage === 'denoise')!, held: plan.residency.transformer.held };
  }
  const measure = (held: number, group?: string) =>
    peakOf('measure-transformer.ts', [folder, `${layers}`, '2', '0', `${heads}`, `${held}`, '2'], group);

  it('takes what is planned when all of it is held', async () => {
    expectNear(denoisePlan(undefined).total_bytes, await measure(5), TOLERANCE);
  });

  it('takes what is planned when it is read from disk, in a container that has no more', async ({ skip }) => {
    const { total_bytes, held } = denoisePlan(1);
    expect(held).toBe(0);
    expect(total_bytes).toBeLessThan(denoisePlan(undefined).total_bytes - 2e8);
    const group = await groupWith(Math.round(1.1 * total_bytes));
    if (group === undefined) skip('a control group with a limit of memory cannot be made here');
    expectNear(total_bytes, await measure(held, group), TOLERANCE);
  });
});

it('of an edit of the demo model at 128²: about as predicted', async () => {
  const modelDir = join(root, 'packages/demo-model');
  const { shape, ...rules } = await inspectModel(modelDir);
  const edit = plannedEdit(rules, [{ width: 128, height: 128 }], { width: 128, height: 128 });
  const plan = planMemory(shape!, edit, { device: 'cpu', precision: 'fp32', memoryBytes: undefined });
  expectNear(plan.peak_bytes, await peakOf('measure-demo-edit.ts', [modelDir, '2', '0', '128']), 0.4);
});
