import { join } from 'node:path';
import { SPEEDS } from '@qwen-edit/contract';
import { z } from 'zod';
import { type Bench, withTrueSize } from './bench-part.ts';
import { RELEASED, SMALLEST } from './true-size.ts';

const DEMO_MODEL = join(import.meta.dirname, '../../demo-model');
/** Blocks of true width that are made up. */
const LAYERS = 2;

const measuredSchema = z.array(
  z.object({
    speed: z.enum(SPEEDS),
    computed: z.int(),
    denoise_s: z.number(),
    latents: z.number(),
    psnr: z.number(),
    ssim: z.number(),
  }),
);
type Measured = z.output<typeof measuredSchema>;

/** Edits that are made at each speed. */
interface Suite {
  readonly side: number;
  readonly steps: number;
  readonly guidance: number;
  readonly edits: number;
}

const DEMO_SUITES: readonly Suite[] = [
  { side: 256, steps: 20, guidance: 1, edits: 4 },
  { side: 256, steps: 40, guidance: 1, edits: 4 },
  { side: 128, steps: 40, guidance: 4, edits: 8 },
];
/** Small, since a step of these blocks takes seconds. */
const TRUE_WIDTH_SUITE: Suite = { side: 128, steps: 20, guidance: 1, edits: 2 };

/**
 * What each speed saves, and how far its pictures are from the exact ones: for the demo model, and for blocks of true width with made-up
 * weights, whose pictures are noise, so that only their latents are compared.
 */
export async function benchSpeed(bench: Bench): Promise<void> {
  const suites = bench.quick ? DEMO_SUITES.slice(0, 1).map((suite) => ({ ...suite, edits: 2 })) : DEMO_SUITES;
  for (const suite of suites) await measure(bench, suite, 'the demo model', DEMO_MODEL, join(bench.folder, 'prepared'));
  if (bench.quick) return;
  const size = { ...SMALLEST, layers: LAYERS, heads: RELEASED.heads };
  await withTrueSize(bench, size, (dir, cache) =>
    measure(bench, TRUE_WIDTH_SUITE, `${LAYERS} blocks of true width, made up`, dir, cache),
  );
}

async function measure({ threads, run, add, attempt }: Bench, suite: Suite, model: string, dir: string, cache: string) {
  const { side, steps, guidance, edits } = suite;
  const what = `denoising of ${model}, ${side}², ${steps} steps${guidance > 1 ? ` with guidance ${guidance}` : ''}, ${edits} edits`;
  const made = await attempt(what, 'fp32', () =>
    run(measuredSchema, 'measure-speed.ts', dir, cache, 'fp32', threads, side, steps, guidance, edits),
  );
  if (made === undefined) return;
  for (const speed of SPEEDS) {
    const of = made.filter((each) => each.speed === speed);
    const seconds = mean(of.map(({ denoise_s }) => denoise_s));
    add({ what, by: `fp32, ${speed}`, seconds, whole: inWords(of, steps, dir === DEMO_MODEL) });
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;

/** What the edits of one speed are beside the exact ones. */
function inWords(edits: Measured, steps: number, isTrained: boolean): string {
  const spread = (values: readonly number[]): string => {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return least === most ? `${least}` : `${mean(values).toFixed(1)} (${least} to ${most})`;
  };
  const decibels = (values: readonly number[]): string =>
    `${mean(values).toFixed(1)} dB, at least ${Math.min(...values).toFixed(1)}`;
  const computed = `${spread(edits.map((each) => each.computed))} of ${steps} steps computed`;
  if (edits.every(({ speed }) => speed === 'exact')) return computed;
  const latents = `latents ${decibels(edits.map((each) => each.latents))}`;
  const pictures = `PSNR ${decibels(edits.map(({ psnr }) => psnr))}; SSIM ${mean(edits.map((each) => each.ssim)).toFixed(4)}, at least ${Math.min(...edits.map((each) => each.ssim)).toFixed(4)}`;
  return [computed, latents, ...(isTrained ? [pictures] : [])].join('; ');
}
