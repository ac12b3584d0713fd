import { AppError } from '@qwen-edit/contract';
import type { AssetRow, JobRecord } from '@qwen-edit/db';
import { readObject } from '@qwen-edit/storage';
import type { Services } from '../services.ts';
import { outputFileName, writeOutputFile } from './output-files.ts';

/** The guide's answer to POST /edit. `seed` is a number where that is exact, else a decimal text. */
export type EditAnswer = { readonly seed: number | string; readonly job_id: string } & (
  | { readonly image_base64: string; readonly images_base64: readonly string[] }
  | { readonly output_path: string; readonly output_paths: readonly string[] }
);

const MAX_OUTPUT_BYTES = 500_000_000;

/** The results of a succeeded job as texts, or as files where a name is given. */
export async function answerEdit(
  services: Services,
  { job, outputs }: JobRecord,
  files: { readonly folder: string; readonly name: string } | undefined,
): Promise<EditAnswer> {
  const about = { seed: exactNumber(job.seed ?? '0'), job_id: job.id };
  const done: string[] = [];
  for (const [index, output] of outputs.entries()) {
    const bytes = await readOutputBytes(services, output);
    if (files === undefined) done.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'));
    else done.push(await writeOutputFile(files.folder, outputFileName(files.name, index, output.mediaType), bytes));
  }
  const [first] = done;
  if (first === undefined) throw new AppError('internal', `The job ${job.id} succeeded without results.`);
  return files === undefined
    ? { image_base64: first, images_base64: done, ...about }
    : { output_path: first, output_paths: done, ...about };
}

async function readOutputBytes({ store }: Services, output: AssetRow): Promise<Uint8Array> {
  const bytes = await readObject(store, output.key, { maxBytes: MAX_OUTPUT_BYTES });
  if (bytes === undefined) throw new AppError('storage_unavailable', 'A result of the job is not in the storage.');
  return bytes;
}

export function exactNumber(decimal: string): number | string {
  const number = Number(decimal);
  return Number.isSafeInteger(number) ? number : decimal;
}
