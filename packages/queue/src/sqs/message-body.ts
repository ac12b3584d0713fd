import { jobMessageSchema } from '@qwen-edit/contract';
import { z } from 'zod';

/** What is in the body of a message. `later`: written by a newer version, which this one cannot read. `malformed`: not ours. */
export type ParsedBody = { readonly kind: 'job'; readonly jobId: string } | { readonly kind: 'later' | 'malformed' };

const VERSION = jobMessageSchema.shape.v.value;
const laterSchema = z.object({ v: z.int().gt(VERSION) });

/** The body of a job's message. */
export function writeBody(jobId: string): string {
  return JSON.stringify({ v: VERSION, job_id: jobId } satisfies z.input<typeof jobMessageSchema>);
}

/** Reads the body of a message, whoever has written it. */
export function parseBody(body: string | undefined): ParsedBody {
  const json = parseJson(body ?? '');
  const message = jobMessageSchema.safeParse(json);
  if (message.success) return { kind: 'job', jobId: message.data.job_id };
  return { kind: laterSchema.safeParse(json).success ? 'later' : 'malformed' };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
