import { z } from 'zod';
import { modelDownloadSchema } from './model-download.ts';

/** GET /health: every live worker. Field names are the guide's. */
export const healthSchema = z.object({
  version: z.string(),
  model: z.string().nullable(),
  /**
   * `ready`, `unloaded` if it is loaded with the first job, `loading`, or `failed` if no worker could load it; null without a worker.
   */
  model_status: z.string().nullable().default(null),
  workers: z.array(
    z.object({
      /** The card as its driver counts; null on a processor. */
      gpu_id: z.number().nullable(),
      /** What it computes on, as `cuda:0`; null of a service before this field. */
      device: z.string().nullable().default(null),
      ready: z.boolean(),
      queue_len: z.number(),
      last_error: z.string().nullable(),
      /** The worker has loaded nothing yet and takes jobs all the same. */
      loads_with_first_job: z.boolean().default(false),
      /** While the worker downloads its model. */
      download: modelDownloadSchema.nullable().default(null),
      uptime_s: z.number(),
    }),
  ),
});
export type Health = z.output<typeof healthSchema>;
export type WorkerHealth = Health['workers'][number];
