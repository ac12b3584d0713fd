import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { OpenedWeightFile } from '../weights/open-weights.ts';
import { FETCH_AGAIN } from '../weights/remedies.ts';
import { zerosFound } from '../weights/zero-probes.ts';
import { damagedBy } from '../weights/zeros.ts';
import type { Findings } from './model-finding.ts';
import type { ScanResult } from './scan-file.ts';
import { type SizedScanJob, scanFiles } from './scan-files.ts';

/** How far a check is. */
export interface VerifyProgress {
  /** The file that was read last. */
  readonly file: string;
  readonly filesDone: number;
  readonly files: number;
  readonly bytesDone: number;
  readonly bytes: number;
  /** null until something was read. */
  readonly bytesPerSecond: number | null;
  readonly etaSeconds: number | null;
}

export interface ContentsToCheck {
  readonly dir: string;
  readonly weightFiles: readonly OpenedWeightFile[];
  /** SHA-256 by path in the folder. */
  readonly digests: ReadonlyMap<string, string>;
}

interface FileJob extends SizedScanJob {
  readonly file: string;
}

interface Hooks {
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/**
 * Reads every weight file, and every file whose digest is known, once: wrong digests, parts that were never written, and
 * numbers that are not finite. Throws AppError `canceled`.
 */
export async function checkContents(contents: ContentsToCheck, findings: Findings, hooks: Hooks): Promise<void> {
  const jobs = await jobsOf(contents);
  const results = await scanFiles(jobs, progressHooks(jobs, hooks));
  for (const [i, job] of jobs.entries()) {
    const result = results[i];
    if (result instanceof AppError) findings.addIfNew(job.file, result);
    else if (result !== undefined) judge(job, result, contents, findings);
  }
}

async function jobsOf({ dir, weightFiles, digests }: ContentsToCheck): Promise<FileJob[]> {
  const spans = new Map(
    weightFiles.map(({ label, tensors }) => [label, [...tensors].sort((a, b) => a.offset - b.offset)]),
  );
  const jobs: FileJob[] = [];
  for (const file of new Set([...spans.keys(), ...digests.keys()])) {
    const path = join(dir, file);
    const bytes = await stat(path).then(
      (facts) => facts.size,
      () => undefined,
    );
    if (bytes === undefined) continue;
    const tensors = spans.get(file) ?? [];
    jobs.push({
      ...{ file, path, bytes, hash: digests.has(file) },
      spans: tensors.map(({ offset, byteLength, dtype }) => ({ offset, byteLength, dtype })),
    });
  }
  return jobs;
}

function judge(job: FileJob, result: ScanResult, { weightFiles, digests }: ContentsToCheck, findings: Findings): void {
  const { file } = job;
  const wanted = digests.get(file);
  const asPublished = wanted !== undefined && wanted === result.sha256;
  const tensors = weightFiles.find(({ label }) => label === file)?.tensors ?? [];
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  // A file that is as it was published has no holes, whatever it looks like.
  if (!asPublished) {
    for (const run of result.runs) {
      const damaged = damagedBy(run, ordered);
      if (damaged === undefined) continue;
      findings.addIfNew(file, zerosFound(file, run, damaged));
      break;
    }
  }
  for (const { span, count, first } of result.notFinite) {
    const { name = '' } = ordered[span] ?? {};
    const values = count === 1 ? 'a value that is no finite number' : `${count} values that are no finite numbers`;
    const message = `${file}: ${name} has ${values} (NaN or infinity), the first at ${first}.`;
    const hint = asPublished
      ? 'The file is as it was published, so that downloading it again does not help: use another revision or checkpoint.'
      : FETCH_AGAIN;
    findings.add(file, new AppError('model_corrupt', message, { hint }));
  }
  if (wanted !== undefined && !asPublished)
    findings.addIfNew(
      file,
      new AppError('model_corrupt', `${file} has the SHA-256 ${result.sha256}, it should be ${wanted}.`, {
        hint: FETCH_AGAIN,
      }),
    );
}

function progressHooks(jobs: readonly FileJob[], { signal, onProgress }: Hooks) {
  const started = performance.now();
  const bytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
  const read = new Map<SizedScanJob, number>();
  let bytesDone = 0;
  let filesDone = 0;
  const names = new Map<SizedScanJob, string>(jobs.map((job) => [job, job.file]));
  const tell = (job: SizedScanJob): void => {
    const seconds = (performance.now() - started) / 1000;
    const rate = bytesDone > 0 && seconds > 0 ? bytesDone / seconds : null;
    onProgress?.({
      ...{ file: names.get(job) ?? '', filesDone, files: jobs.length, bytesDone, bytes, bytesPerSecond: rate },
      etaSeconds: rate === null ? null : (bytes - bytesDone) / rate,
    });
  };
  const advance = (count: number, job: SizedScanJob): void => {
    bytesDone += count;
    read.set(job, (read.get(job) ?? 0) + count);
    tell(job);
  };
  return {
    signal,
    onBytes: advance,
    onDone: (job: SizedScanJob): void => {
      filesDone++;
      // What a file holds besides tensors is not read if no digest is asked for.
      advance(job.bytes - (read.get(job) ?? 0), job);
    },
  };
}
