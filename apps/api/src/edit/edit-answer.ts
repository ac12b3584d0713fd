import { AppError, jobSchema, unchangedOf } from '@qwen-edit/contract';
import type { AssetRow, JobRecord } from '@qwen-edit/db';
import { readObject } from '@qwen-edit/storage';
import { z } from 'zod';
import type { Services } from '../services.ts';
import { outputFileName, writeOutputFile } from './output-files.ts';

/** `seed` is a number if a number holds it exactly, else a decimal text. */
const aboutJob = {
  seed: z.union([z.number(), z.string()]),
  job_id: z.string(),
  warnings: jobSchema.shape.warnings,
  unchanged: jobSchema.shape.unchanged,
};
/** The guide's answer to POST /edit: the pictures, or the files that they were written to. */
export const editAnswerSchema = z.union([
  z.object({ image_base64: z.string(), images_base64: z.array(z.string()), ...aboutJob }),
  z.object({ output_path: z.string(), output_paths: z.array(z.string()), ...aboutJob }),
]);
export type EditAnswer = z.output<typeof editAnswerSchema>;

type StoreReader = Pick<Services, 'store'>;

const MAX_OUTPUT_BYTES = 500_000_000;

/** The results of a succeeded job as base64, or as files if a name is given. Throws AppError. */
export async function answerEdit(
  deps: StoreReader,
  { job, outputs }: JobRecord,
  files: { readonly folder: string; readonly name: string } | undefined,
): Promise<EditAnswer> {
  const about = {
    seed: exactNumber(job.seed ?? '0'),
    job_id: job.id,
    warnings: [...job.warnings],
    unchanged: [...unchangedOf(job.receipt)],
  };
  const done: string[] = [];
  for (const [index, output] of outputs.entries()) {
    const bytes = await readOutputBytes(deps, output);
    if (files === undefined) done.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'));
    else done.push(await writeOutputFile(files.folder, outputFileName(files.name, index, output.mediaType), bytes));
  }
  const [first] = done;
  if (first === undefined) throw new AppError('internal', `The job ${job.id} succeeded without results.`);
  return files === undefined
    ? { image_base64: first, images_base64: done, ...about }
    : { output_path: first, output_paths: done, ...about };
}

async function readOutputBytes({ store }: StoreReader, output: AssetRow): Promise<Uint8Array> {
  const bytes = await readObject(store, output.key, { maxBytes: MAX_OUTPUT_BYTES });
  if (bytes === undefined) throw new AppError('storage_unavailable', 'A result of the job is not in the storage.');
  return bytes;
}

/** A decimal number as a number if that is exact, else as it is. */
function exactNumber(decimal: string): number | string {
  const number = Number(decimal);
  return Number.isSafeInteger(number) ? number : decimal;
}
