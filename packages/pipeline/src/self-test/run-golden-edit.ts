import { toAppError } from '@qwen-edit/contract';
import { runEdit } from '../edit.ts';
import type { LoadedModel } from '../engine/model.ts';
import { decodeImage } from '../image/decode.ts';
import type { SelfTestResult } from '../types.ts';
import { type SelfTestBounds, selfTestBounds } from './bounds.ts';
import { pictureDecibels, signalDecibels } from './decibels.ts';
import { GOLDEN_NAMES, GOLDEN_PARAMETERS, GOLDEN_VALUES, type GoldenValue, readGoldenEdit } from './golden-edit.ts';

interface MadeEdit {
  readonly values: Readonly<Partial<Record<GoldenValue, Float32Array>>>;
  /** The encoded result. */
  readonly result: Uint8Array;
}

/** Makes the golden edit with this model, and keeps what the networks give on the way: of each its first call. */
export async function makeGoldenEdit(model: LoadedModel, picture: Uint8Array): Promise<MadeEdit> {
  const values: Partial<Record<GoldenValue, Float32Array>> = {};
  const request = { images: [picture], parameters: GOLDEN_PARAMETERS };
  const { outputs, latents } = await runEdit(model, request, {
    observe(name, { data }) {
      if (name !== 'init_latents') values[name] ??= data.slice();
    },
    returnLatents: true,
  });
  const all = latents === undefined ? values : { ...values, latents: latents.data };
  return { values: all, result: outputs[0]?.bytes ?? new Uint8Array() };
}

/**
 * Compares the golden edit of a loaded checkpoint, made on its device and in its precision, with what fp32 on a CPU has made of
 * it: network by network, then the picture. `dir` is the checkpoint's folder. Throws AppError `canceled`, and what says that the
 * edit could not be made, as `out_of_memory`.
 */
export async function runGoldenEdit(model: LoadedModel, dir: string): Promise<Omit<SelfTestResult, 'seconds'>> {
  const bounds = selfTestBounds(model.precision.name, model.device.blockInputs);
  const golden = await readGoldenEdit(dir);
  const where = `${model.device.name} in ${model.precision.name}`;
  let made: MadeEdit;
  try {
    made = await makeGoldenEdit(model, golden.picture);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== 'result_invalid') throw error;
    return { ok: false, psnr: 0, bound: bounds.picture, reason: `On ${where} the golden edit fails: ${error.message}` };
  }
  const [result, wanted] = await Promise.all([
    decodeImage(made.result, 'The result'),
    decodeImage(golden.result, 'The golden'),
  ]);
  const psnr = pictureDecibels(result.data, wanted.data);
  const reasonOf = (what: string, found: number, bound: number): string =>
    `On ${where} ${what} comes to ${found.toFixed(1)} dB of the golden edit, and ${bound} dB are needed.`;
  for (const name of GOLDEN_NAMES) {
    const found = signalDecibels(made.values[name] ?? [], golden.values[name]);
    const bound = boundOf(name, bounds);
    if (found < bound) {
      const reason = reasonOf(`${GOLDEN_VALUES[name]} (${name})`, found, bound);
      return { ok: false, psnr, bound: bounds.picture, reason };
    }
  }
  if (psnr < bounds.picture) {
    const reason = reasonOf('the VAE decoder (the picture)', psnr, bounds.picture);
    return { ok: false, psnr, bound: bounds.picture, reason };
  }
  return { ok: true, psnr, bound: bounds.picture };
}

function boundOf(name: GoldenValue, bounds: SelfTestBounds): number {
  if (name === 'image_embeds' || name === 'image_latents') return bounds.plain;
  return name === 'latents' ? bounds.latents : bounds.network;
}
