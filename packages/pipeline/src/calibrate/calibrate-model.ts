import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { type Preparation, precisionNamed } from '../engine/precision.ts';
import { gemmLinear } from '../onnx/linear.ts';
import { heavySegments } from '../prepared/heavy-segments.ts';
import { layerTablePath } from '../prepared/layer-settings.ts';
import { writeFault } from '../prepared/write-fault.ts';
import { GOLDEN_FOLDER, GOLDEN_PARAMETERS } from '../self-test/golden-edit.ts';
import { addRanges, type LayerRanges, outliersFor, recordingLinear } from './layer-ranges.ts';

export interface CalibrateOptions {
  readonly precision: string;
  readonly weightCacheDir: string;
  readonly threads: number;
  /** The folder of the demo model, which has the picture that is edited if no other is given. */
  readonly demoModelDir: string;
  readonly image?: Uint8Array | undefined;
  readonly prompt?: string | undefined;
  /** Called before each segment is run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
}

export interface CalibratedLayer {
  readonly name: string;
  /** The largest input, and the largest one of a channel in the middle. */
  readonly largest: number;
  readonly typical: number;
  /** Input channels that are kept in fp32. */
  readonly outliers: number;
}

export interface Calibration {
  /** The table that was written. */
  readonly path: string;
  readonly digest: string;
  readonly precision: string;
  /** Those with the largest inputs first. */
  readonly layers: readonly CalibratedLayer[];
}

/** Of a real model: enough tokens for their statistics, as few as that takes. */
const SIDE = 512;
const NOTHING_HELD = { held: 0, stays: false, prepacks: false };

/**
 * Measures how large the inputs of each repeated linear layer get, and writes how many channels the layer is to keep in fp32. Makes an edit of
 * two steps in fp32, with guidance, one segment in memory at a time. Rejects with AppError `invalid_parameter` for a precision without such
 * settings, what loadModel and an edit reject with, `disk_full` and `output_unwritable`.
 */
export async function calibrateModel(dir: string, options: CalibrateOptions): Promise<Calibration> {
  const precision = precisionNamed(options.precision);
  if (precision.preparation?.settings.outliers === undefined)
    throw new AppError('invalid_parameter', `The precision ${precision.name} has nothing that could be measured.`, {
      hint: 'Measure for w8a8.',
    });
  // Loaded late, with ONNX Runtime and the tokenizer's library: programs that never load a model may be without them.
  const [{ runEdit }, { loadModel }] = await Promise.all([import('../edit.ts'), import('../engine/model.ts')]);
  const ranges = new Map<string, LayerRanges>();
  const { threads, pause, weightCacheDir } = options;
  const model = await loadModel(dir, {
    threads,
    pause,
    precision: { ...precisionNamed('fp32'), preparation: recording },
    async prepare(folder) {
      const measured = new Set(heavySegments(folder).flatMap(({ layers }) => layers.map(({ name }) => name)));
      return { find: (name) => (measured.has(name) ? { arrays: {}, settings: {} } : undefined), folder: folder.root };
    },
    onOutputs: (outputs) => addRanges(ranges, outputs),
  });
  try {
    const { textEncoder, transformer, folder } = model;
    for (const chain of [textEncoder.chains.vision, textEncoder.chains.text, transformer.chain])
      await chain.hold(NOTHING_HELD);
    const image = options.image ?? (await readFile(join(options.demoModelDir, GOLDEN_FOLDER, 'picture.png')));
    const { prompt, ...golden } = GOLDEN_PARAMETERS;
    const size = folder.edit.demo ? {} : { width: SIDE, height: SIDE };
    await runEdit(model, { images: [image], parameters: { ...golden, ...size, prompt: options.prompt ?? prompt } });
    const layers = heavySegments(folder).flatMap((segment) => segment.layers.map(({ name }) => chosen(name, ranges)));
    const path = layerTablePath(weightCacheDir, folder.digest, precision.name);
    layers.sort((a, b) => b.largest - a.largest);
    const calibration = { path, digest: folder.digest, precision: precision.name, layers };
    await writeTable(calibration);
    return calibration;
  } finally {
    await model.release();
  }
}

/** Prepares nothing, and records the layers that another precision would prepare. */
const recording: Preparation = {
  version: 0,
  needsLayout: false,
  settings: {},
  prepare: () => ({}),
  linear: (find) => (g, x, layer) => (find(layer.name) === undefined ? gemmLinear : recordingLinear)(g, x, layer),
};

function chosen(name: string, ranges: ReadonlyMap<string, LayerRanges>): CalibratedLayer {
  const found = ranges.get(name);
  if (found === undefined) throw new AppError('internal', `Nothing was measured of ${name}.`);
  const { largest, typical } = found;
  if (!Number.isFinite(largest))
    throw new AppError('result_invalid', `The inputs of ${name} are not finite.`, {
      hint: 'Verify the model: `qwen-edit model verify`.',
    });
  return { name, largest, typical, outliers: outliersFor(found) };
}

async function writeTable({ path, digest, precision, layers }: Calibration): Promise<void> {
  const table = Object.fromEntries(layers.map(({ name, outliers }) => [name, { outliers }]));
  const unfinished = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(unfinished, JSON.stringify({ digest, precision, layers: table }, undefined, 2));
    await rename(unfinished, path);
  } catch (thrown) {
    throw writeFault(dirname(path), thrown) ?? thrown;
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}
