import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { openModelFolder } from '../hub/model-folder.ts';
import { type HeavySegment, heavySegments } from '../prepared/heavy-segments.ts';
import { ARRAYS, MANIFEST, readManifest } from '../prepared/manifest.ts';
import { sourceDigest } from '../prepared/source-digest.ts';
import { type StoredPrepared, storedPrepared } from '../prepared/stored-prepared.ts';
import { fileDigest } from '../weights/file-digest.ts';
import type { ModelFinding } from './model-finding.ts';
import { stopIfAborted } from './verify-model.ts';

/** What was looked at, and what is wrong with it: `file` of a finding is a whole path. */
export interface PreparedReport {
  readonly prepared: readonly StoredPrepared[];
  readonly findings: readonly ModelFinding[];
}

/**
 * Reads all prepared weights of a model, and the weights that they were made of: both have to have the digests that their manifests say. What is
 * not there is not wrong, as the next load makes it. `dir`: a folder that verifyModel finds nothing wrong with. Rejects with
 * AppError `canceled` when the signal aborts.
 */
export async function verifyPrepared(
  dir: string,
  weightCacheDir: string,
  { signal, onFile }: { readonly signal: AbortSignal; readonly onFile?: (path: string) => void },
): Promise<PreparedReport> {
  const model = await openModelFolder(dir);
  const prepared = (await storedPrepared(weightCacheDir)).filter(({ digest, base = digest }) => base === model.digest);
  const segments = new Map(heavySegments(model).map((segment) => [segment.name, segment]));
  const sources = new Map<string, Promise<string>>();
  const findings: ModelFinding[] = [];
  for (const { folder } of prepared)
    for (const file of (await readdir(folder)).filter((name) => name.endsWith(MANIFEST))) {
      stopIfAborted(signal);
      const name = file.slice(0, -MANIFEST.length);
      onFile?.(join(folder, name + ARRAYS));
      const wrong = await faultOf(folder, name, segments.get(name), sources, signal);
      if (wrong !== undefined) findings.push(findingOf(join(await realpath(folder), name + ARRAYS), wrong));
    }
  return { prepared, findings };
}

async function faultOf(
  folder: string,
  name: string,
  segment: HeavySegment | undefined,
  sources: Map<string, Promise<string>>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const manifest = await readManifest(folder, name);
  if (manifest === undefined || segment === undefined) return 'its manifest is damaged';
  try {
    if ((await fileDigest(join(folder, name + ARRAYS), signal)) !== manifest.sha256)
      return 'its SHA-256 is not that of its manifest';
    const source = sources.get(name) ?? sourceDigest(segment, signal);
    sources.set(name, source);
    return (await source) === manifest.source ? undefined : 'it was made of other weights than the model has now';
  } catch (thrown) {
    stopIfAborted(signal);
    return `it cannot be read (${thrown instanceof Error ? thrown.message : String(thrown)})`;
  }
}

function findingOf(file: string, wrong: string): ModelFinding {
  const { code, message, hint } = new AppError('model_corrupt', `${file}: ${wrong}.`, {
    hint: 'Remove the file. The next load makes it again.',
  });
  return { code, file, message, hint };
}
