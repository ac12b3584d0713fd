import { toAppError } from '@qwen-edit/contract';
import { runEdit } from '../edit.ts';
import type { LoadedModel } from '../engine/model.ts';
import { decodeImage } from '../image/decode.ts';
import type { SelfTestFigure } from '../types.ts';
import { type SelfTestBounds, selfTestBounds } from './bounds.ts';
import { cosine, pictureDecibels } from './decibels.ts';
import { figureOf } from './figure.ts';
import { GOLDEN_NAMES, GOLDEN_PARAMETERS, GOLDEN_VALUES, type GoldenValue, readGoldenEdit } from './golden-edit.ts';

interface MadeEdit {
  readonly values: Readonly<Partial<Record<GoldenValue, Float32Array>>>;
  /** The encoded result. */
  readonly result: Uint8Array;
}

type GoldenValues = Partial<Record<GoldenValue, Float32Array>>;

/**
 * Makes the golden edit with this model, and keeps what the networks give on the way: of each its first call. `values` has them also
 * if the edit fails. `onValue` is called when one more is there.
 */
export async function makeGoldenEdit(
  model: LoadedModel,
  picture: Uint8Array,
  values: GoldenValues = {},
  onValue: (name: GoldenValue) => void = () => undefined,
): Promise<MadeEdit> {
  const request = { images: [picture], parameters: GOLDEN_PARAMETERS };
  const { outputs, latents } = await runEdit(model, request, {
    observe(name, { data }) {
      if (name === 'init_latents' || values[name] !== undefined) return;
      values[name] = data.slice();
      onValue(name);
    },
    returnLatents: true,
  });
  if (latents !== undefined) values.latents = latents.data;
  return { values, result: outputs[0]?.bytes ?? new Uint8Array() };
}

/** What a part of a self-test has found. */
export interface SelfTestPart {
  readonly figures: readonly SelfTestFigure[];
  /** Why it fails, if it does. */
  readonly reason?: string | undefined;
}

/** Called when one more comparison is about to begin or has been made. */
export type OnTesting = (what: string, done: number, total: number) => void;

/**
 * Compares the golden edit of a loaded checkpoint, made on its device and in its precision, with what fp32 on a CPU has made of
 * it: network by network, then the picture. `dir` is the checkpoint's folder. Throws AppError `canceled`, and what says that the
 * edit could not be made, as `out_of_memory`.
 */
export async function runGoldenEdit(
  model: LoadedModel,
  dir: string,
  onTesting: OnTesting = () => undefined,
): Promise<SelfTestPart> {
  const bounds = selfTestBounds(model.precision.name, model.device.blockInputs);
  const golden = await readGoldenEdit(dir);
  const where = `${model.device.key} in ${model.precision.name}`;
  const values: GoldenValues = {};
  const total = GOLDEN_NAMES.length;
  const tell = (): void => onTesting('a golden edit', Object.keys(values).length, total);
  tell();
  let result: Uint8Array | undefined;
  let failure: string | undefined;
  try {
    result = (await makeGoldenEdit(model, golden.picture, values, tell)).result;
    tell();
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== 'result_invalid') throw error;
    failure = `On ${where} the golden edit fails: ${error.message}`;
  }
  const figures = [
    ...GOLDEN_NAMES.map((name) =>
      figureOf(
        { name, what: GOLDEN_VALUES[name], bound: boundOf(name, bounds) },
        values[name] ?? [],
        golden.values[name],
      ),
    ),
    await pictureFigure(result, golden.result, bounds.picture),
  ];
  const wrong = figures.find(({ ok }) => !ok);
  const reason = failure ?? (wrong && `On ${where} ${driftText(wrong, 'the golden edit')}`);
  return { figures, reason };
}

/** How far a network is from what it has to give. */
export function driftText({ what, name, decibels, bound }: SelfTestFigure, golden: string): string {
  return `${what} (${name}) comes to ${decibels.toFixed(1)} dB of ${golden}, and ${bound} dB are needed.`;
}

async function pictureFigure(
  result: Uint8Array | undefined,
  golden: Uint8Array,
  bound: number,
): Promise<SelfTestFigure> {
  const known = { name: 'picture', what: 'the VAE decoder', bound } as const;
  if (result === undefined) return { ...known, decibels: 0, cosine: 0, ok: false };
  const [{ data }, wanted] = await Promise.all([decodeImage(result, 'The result'), decodeImage(golden, 'The golden')]);
  const decibels = pictureDecibels(data, wanted.data);
  return { ...known, decibels, cosine: cosine(data, wanted.data), ok: decibels >= bound };
}

function boundOf(name: GoldenValue, bounds: SelfTestBounds): number {
  if (name === 'image_embeds' || name === 'image_latents') return bounds.plain;
  return name === 'latents' ? bounds.latents : bounds.network;
}
