import { type ModelCard, modelCardSchema } from '@qwen-edit/contract';
import { z } from 'zod';
import type { LiveWorker } from './service-status.ts';

/** What a worker tells of its model. Fields that an older or newer worker does not tell are left out. */
export const modelFactsSchema = z.object({
  name: z.string(),
  digest: z.string().optional(),
  demo: z.boolean().optional(),
  num_inference_steps: z.number().optional(),
  true_cfg_scale: z.number().optional(),
  min_inference_steps: z.number().optional(),
  vae_image_size: z.number().optional(),
  condition_image_size: z.number().optional(),
  output_image_size: z.number().optional(),
  size_multiple: z.number().optional(),
  precision: z.string().optional(),
});
export type ModelFacts = z.output<typeof modelFactsSchema>;

export function modelOf(worker: LiveWorker): ModelFacts | undefined {
  return modelFactsSchema.safeParse(worker.model).data;
}

const cardSchema = z.object({ card: modelCardSchema });

/** What the worker's model says of itself. Read apart from the facts, which every submission needs and this is longer than. */
export function cardOf(worker: LiveWorker): ModelCard | undefined {
  return cardSchema.safeParse(worker.model).data?.card;
}

/** The model that jobs are run with, as far as live workers tell: a ready worker's first. */
export function currentModel(workers: readonly LiveWorker[]): ModelFacts | undefined {
  const known = [...workers].sort((a, b) => Number(b.ready) - Number(a.ready)).map(modelOf);
  return known.find((facts) => facts !== undefined);
}
