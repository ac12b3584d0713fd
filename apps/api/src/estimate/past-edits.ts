import {
  type EstimatedModel,
  type PastEdit,
  REFERENCE_SIZES,
  type SomeParameters,
  SPEEDS,
  withPreset,
} from '@qwen-edit/contract';
import type { FinishedEditRow } from '@qwen-edit/db';
import { z } from 'zod';

const side = z.int().min(1);
const picturesSchema = z.array(z.object({ width: side, height: side }));
const secondsSchema = z.object({ encode_s: z.number(), denoise_s: z.number(), decode_s: z.number() });
/** The parameters of a receipt; its edit was made, so that they are within the limits of some version. */
const parametersSchema = z.object({
  num_inference_steps: z.int().min(1),
  true_cfg_scale: z.number(),
  num_images_per_prompt: z.int().min(1),
  max_side: z.int().min(0),
  width: side,
  height: side,
  /** Receipts of version 0.1.0 do not say it: it was the model's. */
  reference_size: z.enum(REFERENCE_SIZES).optional(),
  /** Those of versions before 0.3.0 computed every step, without LoRAs. */
  speed: z.enum(SPEEDS).default('exact'),
  preset: z.string().optional(),
  lora: z.array(z.object({ scale: z.number() })).optional(),
});

const MOST = 100;

/**
 * The edits that this model has made on this device in this precision, by which an edit that is `said` like this can be judged: those whose
 * steps were all computed and, for one without LoRAs, without them. A receipt of another form tells nothing.
 */
export function pastEditsOf(
  model: EstimatedModel,
  rows: readonly FinishedEditRow[],
  said: Pick<SomeParameters, 'preset' | 'lora'> = {},
): readonly PastEdit[] {
  const { digest, device, precision } = model;
  if (digest === undefined) return [];
  return rows
    .filter((row) => row.digest === digest && row.device === device && row.precision === precision)
    .slice(0, MOST)
    .flatMap(({ parameters, pictures, timings, promptBytes, negativeBytes }) => {
      const read = {
        parameters: parametersSchema.safeParse(parameters).data,
        pictures: picturesSchema.safeParse(pictures).data,
        seconds: secondsSchema.safeParse(timings).data,
      };
      if (read.parameters === undefined || read.pictures === undefined || read.seconds === undefined) return [];
      const { speed, preset, lora, ...made } = read.parameters;
      if (speed !== 'exact' || (hasLoras({ preset, lora }, model) && !hasLoras(said, model))) return [];
      return [{ parameters: { ...made, promptBytes, negativeBytes }, pictures: read.pictures, ...read.seconds }];
    });
}

/** True if the request or its preset adds LoRAs. */
function hasLoras(
  said: { readonly preset?: string | undefined; readonly lora?: readonly { readonly scale: number }[] | undefined },
  { presets }: EstimatedModel,
): boolean {
  const ofPreset = withPreset({ preset: said.preset }, presets).lora ?? [];
  return [...ofPreset, ...(said.lora ?? [])].some(({ scale }) => scale !== 0);
}
