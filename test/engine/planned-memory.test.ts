import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
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
const measuredSchema = z.object({ peak: z.number() });
/** A prediction is within this share of what a process has had at its peak, its pages of mapped files counted. */
const TOLERANCE = 0.25;

/** Peak memory of a process that runs a script of the bench. */
async function peakOf(script: string, ...args: readonly string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(bench, script), ...args]);
  return measuredSchema.parse(JSON.parse(stdout)).peak;
}

function expectNear(predicted: number, measured: number): void {
  const words = `${Math.round(predicted / 1e6)} MB predicted, ${Math.round(measured / 1e6)} MB measured`;
  expect(predicted / measured, words).toBeGreaterThan(1 - TOLERANCE);
  expect(predicted / measured, words).toBeLessThan(1 + TOLERANCE);
}

it.each(['F32', 'BF16'] as const)(
  'of a transformer of 1024 channels in %s: as predicted, by a quarter',
  async (dtype) => {
    const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-planned-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const layers = 2;
    const heads = 8;
    const config = { ...trueWidth(layers), num_attention_heads: heads };
    const bytes = writeRandomTransformer(folder, config, dtype);
    const sizes = [...transformerTensors(config).values()].map((sides) =>
      sides.reduce((product, side) => product * side, 1),
    );
    const known = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
    const transformer = {
      ...known.transformer,
      layers,
      heads,
      hidden_size: heads * config.attention_head_dim,
      weights: {
        parameters: sizes.reduce((sum, size) => sum + size, 0),
        bytes,
        dtypes: { [dtype]: bytes },
        largest_widened: dtype === 'F32' ? 0 : Math.max(...sizes),
      },
    };
    // The process has no other network.
    const shape = {
      ...known,
      transformer,
      language: { ...known.language, layers: 1 },
      vision: { ...known.vision, layers: 1 },
      vae: { ...known.vae, base_dim: 1, dim_mult: [1] },
    };
    const square = { width: 16 * SHAPE.columns, height: 16 * SHAPE.rows };
    const edit = { ...plannedEdit({}, [square], { width: square.width, height: square.height }), references: [square] };
    const plan = planMemory(shape, edit, { device: 'cpu', precision: 'fp32', memoryBytes: undefined });
    const denoise = plan.stages.find(({ stage }) => stage === 'denoise')!;
    expectNear(
      denoise.total_bytes,
      await peakOf('measure-transformer.ts', folder, String(layers), '2', '0', String(heads)),
    );
  },
);

it('of an edit of the demo model at 128²: as predicted, by a quarter', async () => {
  const modelDir = join(root, 'packages/demo-model');
  const { shape, ...rules } = await inspectModel(modelDir);
  const edit = plannedEdit(rules, [{ width: 128, height: 128 }], { width: 128, height: 128 });
  const plan = planMemory(shape!, edit, { device: 'cpu', precision: 'fp32', memoryBytes: undefined });
  expectNear(plan.peak_bytes, await peakOf('measure-demo-edit.ts', modelDir, '2', '0', '128'));
});
