import { createHash } from 'node:crypto';
import {
  AppError,
  limitSide,
  maxSideWarning,
  PREVIEW_MEDIA_TYPE,
  requireEditSizes,
  type Size,
  shapeWarning,
  tilesWarning,
  type Unchanged,
  unchangedWarnings,
} from '@qwen-edit/contract';
import { arrangeFor } from './arrange-memory.ts';
import { concatenate, type FloatArray, rows } from './arrays.ts';
import { checkRequest, type UncheckedRequest } from './check-request.ts';
import { createEncoders, type ScopedCache } from './encodings/encoders.ts';
import type { LoadedModel } from './engine/model.ts';
import { tilesMore } from './engine/vae-tiling.ts';
import { decodeImage } from './image/decode.ts';
import { encodeImage, encodePreview } from './image/encode.ts';
import { createComparison } from './image/likeness.ts';
import { conditionImage, type PatchGrid, patchify } from './image/preprocess.ts';
import { type Pixels, resizeLanczos } from './image/resample.ts';
import { checkImageShape } from './image/shape.ts';
import { loraWarnings } from './lora/lora-warnings.ts';
import {
  type ResolvedParameters,
  resolveParameters,
  scheduleChanges,
  usesGuidance,
  warningsOf,
} from './resolve-parameters.ts';
import { denoise } from './sampling/denoise.ts';
import { PATCH } from './sampling/latents.ts';
import {
  decodeLatents,
  drawLatents,
  encodeReference,
  type PackedLatents,
  tokenGrid,
  unpackToPlanes,
} from './sampling/picture-latents.ts';
import { applyColourMap, type ColourFit, createColourFit } from './sampling/preview.ts';
import { changedSchedule, createSchedule } from './sampling/schedule.ts';
import { fingerprintOf, readSnapshot, requireSameEdit, writeSnapshot } from './sampling/snapshot.ts';
import { forecastRule, speedReport, speedWarning } from './sampling/speed.ts';
import { createStopwatch } from './stopwatch.ts';
import type { PromptTokens } from './text/prompt.ts';
import type { EditHooks, EditOutput, EditResult, LoraFile, Preview, Snapshot, StepEvent } from './types.ts';
import { versions } from './versions.ts';

/** Text positions that the transformer's rotary table has in the reference. */
const MAX_TEXT_TOKENS = 4096;

interface RunHooks extends Pick<EditHooks, 'onStep' | 'returnLatents' | 'previewEvery' | 'onPreview'> {
  /** Bytes of a snapshot to continue from. */
  readonly resume?: Uint8Array;
  /** Called after each step; `snapshot` writes down the state as it is then. */
  readonly afterStep?: (done: number, snapshot: () => Snapshot) => void;
  /** Where encodings of pictures and prompts are looked for and kept. The result is the same; without it, none are. */
  readonly encodings?: ScopedCache;
  /** Sees what flows between the networks, under the reference's names; for parity tests and for debugging. */
  readonly observe?: (name: ObservedName, value: FloatArray) => void;
}

type ObservedName =
  | 'image_embeds'
  | 'prompt_embeds'
  | 'negative_prompt_embeds'
  | 'image_latents'
  | 'init_latents'
  | 'noise_pred'
  | 'negative_noise_pred';
/** A request whose LoRAs are found. */
export interface RunRequest extends UncheckedRequest {
  readonly loras?: readonly LoraFile[] | undefined;
}

export type RunResult = Omit<EditResult, 'timings'> & { readonly timings: Omit<EditResult['timings'], 'load_s'> };

/**
 * One edit, from encoded pictures to encoded pictures. It reads as the reference does; where families differ, the folder has
 * the values. Source: QwenImageEditPlusPipeline.__call__ and QwenImageEditPipeline.__call__ of diffusers 0.42.
 */
export async function runEdit(model: LoadedModel, request: RunRequest, hooks: RunHooks = {}): Promise<RunResult> {
  const stopwatch = createStopwatch();
  const { folder } = model;
  const given = checkRequest(request, folder.family.max_images);
  const step = (stage: StepEvent['stage'], done: number, total: number, foreseen = false): void =>
    hooks.onStep?.({ stage, step: done, total, ...(foreseen ? { foreseen } : {}) });

  // 1. Parameters, pictures and sizes.
  const resumed = hooks.resume === undefined ? undefined : readSnapshot(hooks.resume);
  const settled = resolveParameters(given, folder.edit, resumed?.seed);
  const encodeSteps = 2 * request.images.length + (usesGuidance(settled) ? 2 : 1);
  let encoded = 0;
  const oneEncoded = (): void => step('encode', ++encoded, encodeSteps);
  step('encode', encoded, encodeSteps);
  const images = await decodeAll(model, request.images, settled.max_side);
  const sizeFacts = { ...folder.edit, size_multiple: PATCH * model.vae.factor };
  const originals = images.map(({ original }) => original);
  const sizes = requireEditSizes(given, originals, sizeFacts);
  const { result: size, reference_size } = sizes;
  const parameters: ResolvedParameters = { ...settled, ...size, reference_size };
  const target = tokenGrid(size, model);
  const scheduler = changedSchedule(folder.scheduler, scheduleChanges(given, folder.edit));
  const schedule = createSchedule(scheduler, parameters.num_inference_steps, target.rows * target.columns);

  const loras = await model.useLoras(request.loras ?? []);

  // 2. What the text encoder makes of pictures and words.
  const patches = images.map((image) =>
    patchify(conditionImage(image, folder.edit.condition_image_size), folder.processor),
  );
  const prompts = [parameters.prompt, ...(usesGuidance(parameters) ? [parameters.negative_prompt ?? ''] : [])];
  await arrangeFor(model, {
    size,
    references: sizes.references,
    steps: parameters.num_inference_steps,
    loraBytes: model.loraBytes(),
    numImages: parameters.num_images_per_prompt,
    prompts,
  });
  const encoders = createEncoders(model, versions(), hooks.encodings);
  const [promptEmbeds, negativePromptEmbeds] = await encoders.encodePrompts(
    prompts.map((prompt) => promptTokens(model, prompt, patches)),
    patches,
    {
      onImage(embeds) {
        if (embeds !== undefined) hooks.observe?.('image_embeds', embeds);
        oneEncoded();
      },
      onPrompt: oneEncoded,
    },
  );
  hooks.observe?.('prompt_embeds', promptEmbeds!);
  if (negativePromptEmbeds !== undefined) hooks.observe?.('negative_prompt_embeds', negativePromptEmbeds);

  await model.endStage();

  // 3. References as latents. If previews are wanted, they also tell which colours latents stand for.
  const { previewEvery = 0, onPreview } = hooks;
  const fit = previewEvery > 0 && onPreview !== undefined ? createColourFit(model.vae.channels) : undefined;
  const references: PackedLatents[] = [];
  for (const [i, image] of images.entries()) {
    references.push(await encodeReference(model, image, sizes.references[i]!, encoders.encodePicture, fit));
    oneEncoded();
  }
  const channels = folder.transformer.config.in_channels;
  const referenceLatents = rows(concatenate(references.map(({ packed }) => packed)), channels);
  hooks.observe?.('image_latents', referenceLatents);
  await model.endStage();
  stopwatch.lap('encode_s');

  // 4. Noise, or the state of an earlier run.
  const fingerprint = fingerprintOf(
    model,
    { ...parameters, ...(loras.length === 0 ? {} : { loras }) },
    request.images.map(sha256Hex),
  );
  const total = parameters.num_inference_steps;
  if (resumed !== undefined) requireSameEdit(resumed, fingerprint, total);
  const latents = resumed?.latents ?? drawLatents(model, target, parameters.num_images_per_prompt, parameters.seed);
  hooks.observe?.('init_latents', rows(concatenate(latents), channels));

  // 5. Denoising.
  const rule = forecastRule(parameters.speed);
  const forecasts = rule === undefined ? undefined : [...(resumed?.forecasts ?? [])];
  const stepsDone = resumed?.step ?? 0;
  step('denoise', stepsDone, total);
  await denoise(
    model.transformer,
    {
      schedule,
      stepsDone,
      latents,
      referenceLatents,
      grids: [target, ...references.map(({ grid }) => grid)],
      promptEmbeds: promptEmbeds!,
      negativePromptEmbeds,
      trueCfgScale: parameters.true_cfg_scale,
      forecastRule: rule,
      forecasts,
    },
    {
      observe: hooks.observe,
      needsEstimate: (done) => fit !== undefined && done % previewEvery === 0,
      async afterStep(done, estimate, foreseen) {
        step('denoise', done, total, foreseen);
        if (fit !== undefined && estimate !== undefined)
          onPreview?.({ step: done, total, ...(await drawPreview(model, fit, { packed: estimate, grid: target })) });
        const state = { step: done, total, seed: parameters.seed, fingerprint, latents, forecasts };
        hooks.afterStep?.(done, () => writeSnapshot(state));
      },
    },
  );
  await model.endStage();
  stopwatch.lap('denoise_s');

  // 6. Latents back to pictures.
  const speed = speedReport(parameters.speed, total, forecasts);
  const format = parameters.output_format;
  const outputs: EditOutput[] = [];
  const compare = createComparison(images, size);
  const unchanged: Unchanged[] = [];
  step('decode', 0, latents.length);
  for (const packed of latents) {
    const pixels = await decodeLatents(model, { packed, grid: target });
    await model.pause();
    unchanged.push(...compare(pixels, outputs.length));
    outputs.push({ ...size, format, bytes: await encodeImage(pixels, format) });
    step('decode', outputs.length, latents.length);
  }
  await model.endStage();
  stopwatch.lap('decode_s');

  // 7. What is needed to make the same pictures again.
  return {
    outputs,
    seed: parameters.seed,
    timings: stopwatch.timings(),
    receipt: {
      model: {
        name: folder.name,
        digest: folder.digest,
        demo: folder.edit.demo,
        pipeline: folder.family.pipeline,
      },
      parameters: { ...parameters },
      images: originals.map((original, i) => {
        const { width, height } = sizes.references[i]!;
        return { sha256: sha256Hex(request.images[i]!), ...original, reference: { width, height } };
      }),
      precision: model.precision.name,
      device: model.device.name,
      loras,
      speed,
      ...(model.device.kernels === 'safe' ? { kernels: model.device.kernels } : {}),
      versions: versions(),
      unchanged,
    },
    warnings: [
      ...warningsOf(given, settled, folder.edit),
      ...loraWarnings(loras, model.precision.name, total),
      ...speedWarning(speed),
      ...shapeWarning(size, originals.at(-1)!),
      ...maxSideWarning(given, sizes, sizeFacts),
      ...tilesWarning([size, ...sizes.references].some((each) => tilesMore(each, model.vae.untiledArea))),
      ...unchangedWarnings(unchanged, folder.card),
    ],
    ...(hooks.returnLatents === true
      ? { latents: { data: concatenate(latents), shape: [latents.length, target.rows * target.columns, channels] } }
      : {}),
  };
}

interface Reference extends Pixels {
  /** Size of the picture before it was limited to max_side. */
  readonly original: Size;
}

async function decodeAll(model: LoadedModel, images: readonly Uint8Array[], maxSide: number): Promise<Reference[]> {
  const out: Reference[] = [];
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

/** The tokens of a prompt with its pictures. Throws AppError `prompt_too_long`. */
function promptTokens(model: LoadedModel, prompt: string, patches: readonly PatchGrid[]): PromptTokens {
  const unit = model.textEncoder.mergeSize ** 2;
  const imageTokens = patches.map((grid) => (grid.rows * grid.columns) / unit);
  const tokens = model.prompt.encode(prompt, imageTokens);
  if (tokens.ids.length > MAX_TEXT_TOKENS) {
    throw new AppError(
      'prompt_too_long',
      `The prompt and its pictures take ${tokens.ids.length} tokens; the limit is ${MAX_TEXT_TOKENS}.`,
    );
  }
  return tokens;
}

async function drawPreview(
  model: LoadedModel,
  fit: ColourFit,
  latents: PackedLatents,
): Promise<Omit<Preview, 'step' | 'total'>> {
  const picture = await encodePreview(applyColourMap(fit.map(), unpackToPlanes(model, latents)));
  return { ...picture, mediaType: PREVIEW_MEDIA_TYPE };
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
