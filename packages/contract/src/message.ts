import { z } from 'zod';

/** Body of a queue message: it only points at a job, all else is in the database. */
export const jobMessageSchema = z.object({ v: z.literal(1), job_id: z.string().min(1).max(100) });
