import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type PrecisionName, runnablePrecisions } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { KINDS } from '../../packages/demo-model/measure/exact-edits.ts';
import { processorName } from '../../packages/pipeline/bench/processor.ts';
import { RELEASED, SMALLEST, writeTrueSize } from '../../packages/pipeline/bench/true-size.ts';
import { loadPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { photosAt, readGoldenPrompts } from '../../scripts/demo-model/inputs.ts';
import { compareEdits, type EditsRow, type KindEdits, makeEdits } from './quality-edits.ts';
import { closeness, DEMO_LORA, drawings } from './quality-loras.ts';
import { closenessOf, predictOnce } from './quality-network.ts';

/**
 * npm run bench:quality [-- --quick] [--only network,edits,loras] [--layers N] [--kinds negative,blend,…] [--photos 1 to 4] [--side PIXELS]
 *   [--threads N] [--dir FOLDER]
 * Each precision that the CPU runs beside fp32: one call of the transformer at true width with outliers, whole edits of the
 * demo model, and its drawings with a LoRA. Rows of Markdown go to stdout as they come. It judges nothing: it ends with 0 if it ran.
 */
const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'network,edits,loras' },
    layers: { type: 'string', default: '1' },
    kinds: { type: 'string', default: KINDS.join() },
    photos: { type: 'string' },
    side: { type: 'string', default: '256' },
    threads: { type: 'string', default: String(availableParallelism()) },
    dir: { type: 'string', default: tmpdir() },
  },
});
const { quick } = flags;
const threads = Number(flags.threads);
const side = Number(flags.side);
const kinds = KINDS.filter((kind) => flags.kinds.split(',').includes(kind));
const REFERENCE = 'fp32';
const precisions = runnablePrecisions('cpu');

const note = (text: string): void => void process.stderr.write(`${text} …\n`);
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);
const head = (...cells: readonly string[]): void => {
  line(...cells);
  line(...cells.map(() => '---'));
};

const folder = await mkdtemp(join(flags.dir, 'qwen-edit-quality-'));
const PARTS: Readonly<Record<string, () => Promise<void>>> = { network, edits, loras };
console.log(`${processorName()}; ${threads} threads, Node ${process.versions.node}.`);
try {
  for (const name of flags.only.split(',')) {
    const part = PARTS[name];
    if (part === undefined) throw new Error(`--only takes ${Object.keys(PARTS).join(', ')}, not ${name}`);
    await part();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** A folder for the weights that a precision prepares. */
async function cacheOf(precision: PrecisionName): Promise<string> {
  const cache = join(folder, `prepared-${precision}`);
  await mkdir(cache, { recursive: true });
  return cache;
}

async function network(): Promise<void> {
  const dir = join(folder, 'model');
  const layers = Number(flags.layers);
  note('writing made-up weights');
  await writeTrueSize(dir, { ...SMALLEST, layers, heads: RELEASED.heads });
  console.log(
    `\nOne call of the transformer at true width, ${layers} of 60 blocks, four channels about 35 times as large:\n`,
  );
  head('precision', 'cosine with fp32', 'relative error', 'signal over error');
  let reference: Float32Array | undefined;
  for (const precision of [REFERENCE, ...precisions.filter((name) => name !== REFERENCE)] as const) {
    note(precision);
    const weightCacheDir = await cacheOf(precision);
    const prediction = await predictOnce(dir, { precision, threads, weightCacheDir });
    reference ??= prediction;
    const { cosine, relative } = closenessOf(prediction, reference);
    const decibels = relative === 0 ? '' : `${(-20 * Math.log10(relative)).toFixed(1)} dB`;
    line(precision, cosine.toFixed(6), relative.toFixed(5), decibels);
  }
  await rm(dir, { recursive: true, force: true });
}

async function loras(): Promise<void> {
  const photos = (await photosAt(side, side)).slice(0, Number(flags.photos ?? (quick ? 1 : 2)));
  console.log(`\nDrawings of the demo model with its LoRA at ${side}², in dB to those of fp32:\n`);
  head('precision', 'LoRA', 'steps', 'least', 'mean');
  const reference = new Map<string, Awaited<ReturnType<typeof drawings>>>();
  for (const precision of [REFERENCE, ...precisions.filter((name) => name !== REFERENCE)] as const)
    for (const way of ['branch', 'merged'] as const) {
      note(`${precision}, ${way}`);
      const weightCacheDir = await cacheOf(precision);
      const pause = async (): Promise<void> => undefined;
      const fixed = way === 'merged' ? [DEMO_LORA] : [];
      const model = await loadPreparedModel(demoModelDir, { precision, threads, pause, weightCacheDir, loras: fixed });
      for (const preset of [undefined, 'fast']) {
        const made = await drawings(model, photos, { loras: way === 'merged' ? [] : [DEMO_LORA], preset });
        const wanted = reference.get(`${preset}`) ?? made;
        reference.set(`${preset}`, wanted);
        const { least, mean } = closeness(made, wanted);
        line(precision, way, preset === undefined ? '6' : '2, preset fast', least.toFixed(1), mean.toFixed(1));
      }
      await model.release();
    }
}

async function edits(): Promise<void> {
  const count = Number(flags.photos ?? (quick ? 1 : 2));
  const photos = (await photosAt(side, side)).slice(0, count);
  const options = {
    prompts: await readGoldenPrompts(),
    photos,
    kinds,
    ...(quick ? { languages: ['en'] as const } : {}),
  };
  let reference: readonly KindEdits[] | undefined;
  const summary: (readonly [PrecisionName, number, EditsRow])[] = [];
  for (const precision of [REFERENCE, ...precisions.filter((name) => name !== REFERENCE)] as const) {
    note(precision);
    const weightCacheDir = await cacheOf(precision);
    const pause = async (): Promise<void> => undefined;
    const model = await loadPreparedModel(demoModelDir, { device: 'cpu', precision, threads, pause, weightCacheDir });
    console.log(`\nEdits of the demo model at ${side}² in ${precision}, in dB; means of ${count} photos:\n`);
    head('kind', 'to the exact edit', 'as fp32', 'picture to that of fp32: least', 'mean', 'latents: least', 'mean');
    const made: KindEdits[] = [];
    for await (const each of makeEdits(model, options)) {
      made.push(each);
      const wanted = reference?.[made.length - 1] ?? each;
      line(each.kind, ...cellsOf(compareEdits(each.edits, wanted.edits), reference !== undefined));
    }
    await model.release();
    const all = made.flatMap((each) => each.edits);
    const row = compareEdits(
      all,
      (reference ?? made).flatMap((each) => each.edits),
    );
    line('all', ...cellsOf(row, reference !== undefined));
    summary.push([precision, all.length, row]);
    reference ??= made;
  }
  console.log('\nEdits of the demo model, all kinds:\n');
  head('precision', 'edits', 'to the exact edit', 'as fp32', 'picture: least', 'mean', 'latents: least', 'mean');
  for (const [precision, number, row] of summary)
    line(precision, String(number), ...cellsOf(row, precision !== REFERENCE));
}

function cellsOf({ exact, exactInFp32, picture, latents }: EditsRow, compared: boolean): string[] {
  const difference = exact - exactInFp32;
  const against = [picture.least, picture.mean, latents.least, latents.mean].map((db) => db.toFixed(1));
  const cells = compared ? [`${difference < 0 ? '' : '+'}${difference.toFixed(2)}`, ...against] : ['', '', '', '', ''];
  return [exact.toFixed(1), ...cells];
}
