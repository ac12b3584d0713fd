import { join } from 'node:path';
import { type PrecisionName, runnablePrecisions } from '@qwen-edit/contract';
import { z } from 'zod';
import { deviceNamed } from '../src/engine/devices.ts';
import { editFlops } from '../src/plan/flops.ts';
import { knownModelShape } from '../src/plan/known-models.ts';
import { plannedEdit } from '../src/plan/planned-edit.ts';
import { type Bench, withTrueSize } from './bench-part.ts';
import { cardSeconds } from './card-seconds.ts';
import { type CardState, cardNamed, cardState } from './device-state.ts';
import { formatSeconds } from './table.ts';
import { RELEASED } from './true-size.ts';

const DEMO_MODEL = join(import.meta.dirname, '../../demo-model');
const SIDE = 1024;
const STEPS = 5;
const SMALL = { side: 64, steps: 3 } as const;

const measuredSchema = z.object({
  load_s: z.number(),
  edit_s: z.number(),
  first_step_s: z.number(),
  step_s: z.number(),
  deviceBytes: z.number().optional(),
});

export interface DeviceBench {
  /** As `cuda:0`. */
  readonly device: string;
  /** Bytes of its own memory that are planned with; what is free if nvidia-smi tells and nobody says. */
  readonly deviceMemoryBytes: number | undefined;
  /** It computes on the processor: its times mean nothing. */
  readonly isSoftware: boolean;
}

/**
 * A step at 1024² from one picture with and without guidance, loading, and the card's memory, in each precision of a device, beside what the
 * arithmetic says of the card. On a software adapter an edit of the demo model at a small size, which proves and does not measure.
 */
export async function benchDevice(bench: Bench, on: DeviceBench): Promise<void> {
  const { index } = deviceNamed(on.device);
  const card = await cardState(index);
  if (on.isSoftware) return edits(bench, on, { ...SMALL, dir: DEMO_MODEL, cache: join(bench.folder, 'prepared') });
  await withTrueSize(bench, { ...RELEASED, linked: true }, (dir, cache) =>
    edits(bench, on, { side: SIDE, steps: STEPS, dir, cache, card }),
  );
}

interface Edits {
  readonly dir: string;
  readonly cache: string;
  readonly side: number;
  readonly steps: number;
  readonly card?: CardState | undefined;
}

async function edits({ threads, run, add, attempt }: Bench, on: DeviceBench, of: Edits): Promise<void> {
  const { side, steps, dir, cache, card } = of;
  for (const precision of runnablePrecisions(deviceNamed(on.device).name)) {
    for (const guidance of [false, true]) {
      const model = on.isSoftware ? 'the demo model' : 'the real size';
      const what = `a step of ${model}, ${side}² from one picture${guidance ? ', with guidance' : ''}`;
      const by = `${on.device}, ${precision}${on.isSoftware ? ' (software adapter: proves, does not measure)' : ''}`;
      const measured = await attempt(what, by, () =>
        run(
          measuredSchema,
          'measure-device-edit.ts',
          ...[dir, cache, on.device, precision, side, steps, guidance ? 1 : 0, threads, on.deviceMemoryBytes ?? ''],
        ),
      );
      if (measured === undefined) continue;
      const { step_s, first_step_s, load_s, edit_s, deviceBytes } = measured;
      const expected = card === undefined ? [] : expectation(card, precision, guidance);
      add({
        ...{ what, by, seconds: step_s },
        ...(on.isSoftware ? {} : { flops: stepFlops(guidance) }),
        whole: [
          `loads in ${formatSeconds(load_s)}`,
          `the first step ${formatSeconds(first_step_s)}`,
          `${steps} steps and all else ${formatSeconds(edit_s)}`,
          ...expected,
        ].join('; '),
        ...(deviceBytes === undefined ? {} : { memory: { peak: deviceBytes } }),
      });
    }
  }
}

const shapeOfReal = () => knownModelShape('Qwen/Qwen-Image-Edit-2511');
const realEdit = (guidance: boolean) =>
  plannedEdit({}, [{ width: SIDE, height: SIDE }], { negativeBytes: guidance ? 1 : null });

function stepFlops(guidance: boolean): number {
  const shape = shapeOfReal();
  return shape === undefined ? 0 : editFlops(shape, realEdit(guidance)).step;
}

/** What the arithmetic of docs/gpu-figures.md says, if it knows the card. */
function expectation({ name, freeBytes }: CardState, precision: PrecisionName, guidance: boolean): readonly string[] {
  const [card, shape] = [cardNamed(name), shapeOfReal()];
  if (card === undefined || shape === undefined) return [`${name} is not in the table of known cards`];
  const { step, peak } = cardSeconds(shape, realEdit(guidance), { card, precision, memoryBytes: freeBytes });
  return [`by arithmetic ${formatSeconds(step)} a step in ${(peak / 2 ** 30).toFixed(1)} GiB`];
}
