import { createHash } from 'node:crypto';
import { AppError, limitSide, type Size } from '@qwen-edit/contract';
import { checkRequest, type UncheckedRequest } from './check-request.ts';
import type { Model } from './engine/model.ts';
import type { TokenGrid } from './engine/transformer.ts';
import type { Planes } from './engine/vae-tiling.ts';
import { cropToShape } from './image/crop.ts';
import { decodeImage } from './image/decode.ts';
import { calculateDimensions } from './image/dimensions.ts';
import { encodeImage, encodePreview, toPixels } from './image/encode.ts';
import { conditionImage, patchify, vaeImage } from './image/preprocess.ts';
import { type Pixels, resizeLanczos } from './image/resample.ts';
import { checkImageShape } from './image/shape.ts';
import { concatenate, type FloatArray, rows } from './matrix.ts';
import {
  outputSize,
  type ResolvedParameters,
  resolveParameters,
  usesGuidance,
  warningsOf,
} from './resolve-parameters.ts';
import { eulerStep, trueCfg } from './sampling/guidance.ts';
import { denormaliseLatents, normaliseLatents, PATCH, packLatents, unpackLatents } from './sampling/latents.ts';
import { randn } from './sampling/noise.ts';
import { applyColourMap, type ColourFit, cleanEstimate, createColourFit } from './sampling/preview.ts';
import { createSchedule } from './sampling/schedule.ts';
import { readSnapshot, type SamplingState, writeSnapshot } from './sampling/snapshot.ts';
import type { EditHooks, EditOutput, EditResult, Preview, Snapshot, StepEvent } from './types.ts';
import { DEVICE, PRECISION, versions } from './versions.ts';

/** Text positions that the transformer's rotary table has there. */
const MAX_TEXT_TOKENS = 4096;

export interface RunHooks extends Pick<EditHooks, 'onStep' | 'returnLatents' | 'previewEvery' | 'onPreview'> {
  /** Bytes of a snapshot to go on from. */
  readonly resume?: Uint8Array;
  /** Called after each step; `snapshot` writes down the state as it is then. */
  readonly afterStep?: (done: number, snapshot: () => Snapshot) => void;
  /** Sees what flows between the networks, under the reference's names; for parity tests and for debugging. */
  readonly observe?: (name: ObservedName, value: FloatArray) => void;
}

export type ObservedName =
  | 'prompt_embeds'
  | 'negative_prompt_embeds'
  | 'image_latents'
  | 'init_latents'
  | 'noise_pred'
  | 'negative_noise_pred';
export type RunResult = Omit<EditResult, 'timings'> & { readonly timings: Omit<EditResult['timings'], 'load_s'> };

/**
 * One edit, from encoded pictures to encoded pictures. It reads as the reference does.
 * Source: QwenImageEditPlusPipeline.__call__ of diffusers 0.42.
 */
export async function runEdit(model: Model, request: UncheckedRequest, hooks: RunHooks = {}): Promise<RunResult> {
  const clock = stopwatch();
  const said = checkRequest(request);
  const { folder, vae } = model;
  const step = (stage: StepEvent['stage'], done: number, total: number): void =>
    hooks.onStep?.({ stage, step: done, total });

  // 1. Parameters, pictures and sizes.
  const resumed = hooks.resume === undefined ? undefined : readSnapshot(hooks.resume);
  const settled = resolveParameters(said, folder.edit, resumed?.seed);
  const encodeSteps = 2 * request.images.length + (usesGuidance(settled) ? 2 : 1);
  let encoded = 0;
  step('encode', encoded, encodeSteps);
  const images = await decodeAll(model, request.images, settled.max_side);
  const size = outputSize(said, folder.edit, images.at(-1)!, PATCH * vae.factor);
  const parameters: ResolvedParameters = { ...settled, ...size };
  const target: TokenGrid = gridOf(size, vae.factor);
  const schedule = createSchedule(folder.scheduler, parameters.num_inference_steps, target.rows * target.columns);

  // 2. What the text encoder makes of pictures and words.
  const grids = images.map((image) =>
    patchify(conditionImage(image, folder.edit.condition_image_size), folder.processor),
  );
  const imageTokens = grids.map((grid) => (grid.rows * grid.columns) / model.textEncoder.mergeSize ** 2);
  const imageEmbeds: FloatArray[] = [];
  for (const grid of grids) {
    imageEmbeds.push(await model.textEncoder.encodeImage(grid));
    step('encode', ++encoded, encodeSteps);
  }
  const encodePrompt = async (prompt: string): Promise<FloatArray> => {
    const tokens = folder.prompt.encode(prompt, imageTokens);
    if (tokens.ids.length > MAX_TEXT_TOKENS) {
      throw new AppError(
        'prompt_too_long',
        `The prompt and its pictures take ${tokens.ids.length} tokens; the limit is ${MAX_TEXT_TOKENS}.`,
      );
    }
    const embeds = await model.textEncoder.encodePrompt(tokens, imageEmbeds, grids);
    step('encode', ++encoded, encodeSteps);
    return embeds;
  };
  const positive = await encodePrompt(parameters.prompt);
  const negative = usesGuidance(parameters) ? await encodePrompt(parameters.negative_prompt ?? '') : undefined;
  hooks.observe?.('prompt_embeds', positive);
  if (negative !== undefined) hooks.observe?.('negative_prompt_embeds', negative);

  // 3. References as latents. Where previews are wanted, they also tell what latents look like.
  const { previewEvery = 0 } = hooks;
  const fit = previewEvery > 0 && hooks.onPreview !== undefined ? createColourFit(vae.channels) : undefined;
  const references: { readonly packed: Float32Array; readonly grid: TokenGrid }[] = [];
  for (const image of images) {
    references.push(await encodeReference(model, image, size, fit));
    step('encode', ++encoded, encodeSteps);
  }
  const channels = folder.transformer.config.in_channels;
  const referenceLatents = rows(concatenate(references.map((reference) => reference.packed)), channels);
  hooks.observe?.('image_latents', referenceLatents);
  clock.lap('encode_s');

  // 4. Noise, or the state of an earlier run.
  const fingerprint = digestOf([
    folder.digest,
    PRECISION,
    JSON.stringify({ ...parameters, output_format: undefined }),
    ...request.images.map(digestBytes),
  ]);
  if (
    resumed !== undefined &&
    (resumed.fingerprint !== fingerprint || resumed.total !== parameters.num_inference_steps)
  ) {
    throw new AppError(
      'snapshot_invalid',
      'The snapshot belongs to another model, other pictures or other parameters.',
    );
  }
  const latents = resumed?.latents ?? drawLatents(model, parameters, target);
  hooks.observe?.('init_latents', rows(concatenate(latents), channels));

  // 5. Denoising. Pictures go step by step together, each on its own through the network.
  const pictures = [target, ...references.map((reference) => reference.grid)];
  const positiveAngles = model.transformer.angles(positive.dims[0]!, pictures);
  const negativeAngles = negative === undefined ? undefined : model.transformer.angles(negative.dims[0]!, pictures);
  const total = parameters.num_inference_steps;
  step('denoise', resumed?.step ?? 0, total);
  for (let i = resumed?.step ?? 0; i < total; i++) {
    const timestep = Math.fround(schedule.timesteps[i]! / 1000);
    let estimate: Float32Array | undefined;
    for (const each of latents) {
      const call = { latents: rows(each, channels), referenceLatents, timestep };
      const wanted = await model.transformer.predict({ ...call, promptEmbeds: positive, angles: positiveAngles });
      hooks.observe?.('noise_pred', rows(wanted, channels));
      let prediction = wanted;
      if (negative !== undefined && negativeAngles !== undefined) {
        const unwanted = await model.transformer.predict({ ...call, promptEmbeds: negative, angles: negativeAngles });
        hooks.observe?.('negative_noise_pred', rows(unwanted, channels));
        prediction = trueCfg(wanted, unwanted, parameters.true_cfg_scale, channels);
      }
      if (fit !== undefined && (i + 1) % previewEvery === 0)
        estimate ??= cleanEstimate(each, prediction, schedule.sigmas[i]!);
      eulerStep(each, prediction, schedule.sigmas[i]!, schedule.sigmas[i + 1]!);
      proveFinite(each, `step ${i + 1} of ${total}`);
    }
    step('denoise', i + 1, total);
    if (fit !== undefined && estimate !== undefined)
      hooks.onPreview?.({ step: i + 1, total, ...(await drawPreview(fit, unpack(model, estimate, target))) });
    const state: SamplingState = { step: i + 1, total, seed: parameters.seed, fingerprint, latents };
    hooks.afterStep?.(i + 1, () => writeSnapshot(state));
  }
  clock.lap('denoise_s');

  // 6. Latents back to pictures.
  const outputs: EditOutput[] = [];
  step('decode', 0, latents.length);
  for (const each of latents) {
    const pixels = await decodeLatents(model, each, target);
    outputs.push({
      ...size,
      format: parameters.output_format,
      bytes: await encodeImage(pixels, parameters.output_format),
    });
    step('decode', outputs.length, latents.length);
  }
  clock.lap('decode_s');

  return {
    outputs,
    seed: parameters.seed,
    timings: clock.timings(),
    receipt: {
      model: { name: folder.name, digest: folder.digest, demo: folder.edit.demo },
      parameters: { ...parameters },
      images: images.map((image, i) => ({ sha256: digestBytes(request.images[i]!), ...image.original })),
      precision: PRECISION,
      device: DEVICE,
      versions: versions(),
    },
    warnings: warningsOf(said, settled, folder.edit),
    ...(hooks.returnLatents === true
      ? { latents: { data: concatenate(latents), shape: [latents.length, target.rows * target.columns, channels] } }
      : {}),
  };
}

async function decodeAll(
  model: Model,
  images: readonly Uint8Array[],
  maxSide: number,
): Promise<(Pixels & { readonly original: Size })[]> {
  const out: (Pixels & { readonly original: Size })[] = [];
  for (const [i, bytes] of images.entries()) {
    await model.pause();
    const label = images.length === 1 ? 'The picture' : `Picture ${i + 1}`;
    const image = await decodeImage(bytes, label);
    checkImageShape(image, label, { ...model.folder.edit, max_side: maxSide });
    const { width, height } = limitSide(image, maxSide);
    out.push({ ...resizeLanczos(image, width, height), original: { width: image.width, height: image.height } });
  }
  return out;
}

function gridOf(size: Size, factor: number): TokenGrid {
  return { rows: size.height / factor / PATCH, columns: size.width / factor / PATCH };
}

/** Normalised latents of one reference, packed. Source: _encode_vae_image, prepare_latents. */
async function encodeReference(
  model: Model,
  image: Pixels,
  output: Size,
  fit: ColourFit | undefined,
): Promise<{ packed: Float32Array; grid: TokenGrid }> {
  const { latents_mean, latents_std } = model.folder.vae.config;
  const { reference_size, vae_image_size } = model.folder.edit;
  const { data, width, height } =
    reference_size === 'output'
      ? vaeImage(cropToShape(image, output), output)
      : vaeImage(image, calculateDimensions(vae_image_size, image));
  const picture = { data, channels: 3, width, height };
  const mode = await model.vae.encode(picture);
  const normal = normaliseLatents(mode.data, latents_mean, latents_std);
  proveFinite(normal, 'encoding a picture');
  fit?.learn({ ...mode, data: normal }, picture);
  return {
    packed: packLatents(normal, mode.channels, mode.height, mode.width),
    grid: gridOf({ width, height }, model.vae.factor),
  };
}

/** One contiguous draw for all pictures, packed one by one. Source: prepare_latents. */
function drawLatents(model: Model, parameters: ResolvedParameters, target: TokenGrid): Float32Array[] {
  const { channels } = model.vae;
  const height = PATCH * target.rows;
  const width = PATCH * target.columns;
  const each = channels * height * width;
  const noise = randn(parameters.num_images_per_prompt * each, BigInt(parameters.seed));
  return Array.from({ length: parameters.num_images_per_prompt }, (_, i) =>
    packLatents(noise.subarray(i * each, (i + 1) * each), channels, height, width),
  );
}

function unpack({ vae: { channels } }: Model, packed: Float32Array, target: TokenGrid): Planes {
  const height = PATCH * target.rows;
  const width = PATCH * target.columns;
  return { data: unpackLatents(packed, channels, height, width), channels, height, width };
}

async function drawPreview(fit: ColourFit, latents: Planes): Promise<Omit<Preview, 'step' | 'total'>> {
  const picture = await encodePreview(applyColourMap(fit.map(), latents));
  return { ...picture, mediaType: 'image/webp' };
}

async function decodeLatents(model: Model, packed: Float32Array, target: TokenGrid): Promise<Pixels> {
  const { latents_mean, latents_std } = model.folder.vae.config;
  const planes = unpack(model, packed, target);
  const data = denormaliseLatents(planes.data, latents_mean, latents_std);
  const pixels = await model.vae.decode({ ...planes, data });
  proveFinite(pixels.data, 'decoding the picture');
  return toPixels(pixels.data, pixels.width, pixels.height);
}

function proveFinite(values: Float32Array, where: string): void {
  if (!values.every(Number.isFinite))
    throw new AppError('result_invalid', `The network gave NaN or infinity at ${where}.`);
}

const digestBytes = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function digestOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:${part}`);
  return hash.digest('hex');
}

function stopwatch() {
  const laps = { encode_s: 0, denoise_s: 0, decode_s: 0 };
  const start = performance.now();
  let last = start;
  return {
    lap(name: keyof typeof laps): void {
      const now = performance.now();
      laps[name] = (now - last) / 1000;
      last = now;
    },
    timings: () => ({ ...laps, total_s: (performance.now() - start) / 1000 }),
  };
}
