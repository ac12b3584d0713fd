import { type EstimatedModel, type PastEdit, REFERENCE_SIZES } from '@qwen-edit/contract';
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
});

const MOST = 100;

/** The edits that this model has made on this device in this precision. A receipt of another form tells nothing. */
export function pastEditsOf(model: EstimatedModel, rows: readonly FinishedEditRow[]): readonly PastEdit[] {
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
      return [
        { parameters: { ...read.parameters, promptBytes, negativeBytes }, pictures: read.pictures, ...read.seconds },
      ];
    });
}
