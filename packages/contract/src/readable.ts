import { z } from 'zod';
import { JOB_EVENT_TYPES, type JobEvent, jobEventListSchema, jobEventSchema } from './events.ts';
import { jobListSchema, jobSchema } from './job.ts';

/**
 * What a service of an earlier or later version may answer, as this version reads it: keys that it does not know are passed over,
 * and so are events of further types; a stage that it does not know is none; what came after version 0.1.0 may be missing. States of a job and final events are never added to.
 */

const progress = jobSchema.shape.progress;

export const readableJobSchema = jobSchema.extend({
  unchanged: jobSchema.shape.unchanged.default([]),
  progress: progress.extend({
    stage: progress.shape.stage.catch(null),
    waiting: progress.shape.waiting.default(null),
  }),
});
export const readableJobListSchema = jobListSchema.extend({ data: z.array(readableJobSchema) });

/** An event of any type. */
export const readableEventSchema = jobEventSchema.extend({ type: z.string() });
export const readableEventListSchema = jobEventListSchema.extend({ data: z.array(readableEventSchema) });
export type ReadableEvent = z.output<typeof readableEventSchema>;

/** The event, if this version knows its type. */
export function knownEvent(event: ReadableEvent): JobEvent | undefined {
  const type = JOB_EVENT_TYPES.find((each) => each === event.type);
  return type === undefined ? undefined : { ...event, type };
}
