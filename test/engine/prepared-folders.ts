import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import {
  type PreparedWeights,
  type PrepareOptions,
  prepareWeights,
} from '../../packages/pipeline/src/prepared/prepare-weights.ts';
import { versions } from '../../packages/pipeline/src/versions.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';

export interface Made extends PreparedWeights {
  /** How many segments were made, and how many there are. */
  readonly made: number;
  readonly total: number;
}

const RUNTIME = versions()['onnxruntime-node'];

/** Prepares the weights of a model in w8a8, by default those of the smallest. */
export async function prepareModel(
  weightCacheDir: string,
  {
    dir = checkpointDir('tiny-a'),
    precision = 'w8a8',
    ...options
  }: Partial<PrepareOptions> & { readonly dir?: string; readonly precision?: string } = {},
): Promise<Made> {
  let first: number | undefined;
  let last = 0;
  let total = 0;
  const prepared = await prepareWeights(dir, await openModelFolder(dir), precisionNamed(precision), {
    weightCacheDir,
    threads: 2,
    runtime: RUNTIME,
    pause: () => Promise.resolve(),
    ...options,
    onProgress(made, all) {
      first ??= made;
      last = made;
      total = all;
      options.onProgress?.(made, all);
    },
  });
  if (prepared === undefined) throw new Error('nothing was prepared');
  return { ...prepared, made: last - (first ?? 0), total };
}

/** Every file below the folder, and what is in it; but for the lock. */
export async function digestsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents = files.sort().map(
    async (path): Promise<[string, string]> => [
      path.slice(folder.length + 1),
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ],
  );
  return Object.fromEntries(await Promise.all(contents));
}

let base: Promise<string> | undefined;

/** A copy of a folder with the weights of the smallest model, which are prepared once. */
export async function preparedFolder(): Promise<{ readonly cache: string; readonly folder: string }> {
  base ??= mkdtemp(join(tmpdir(), 'qwen-edit-test-')).then(async (cache) => {
    await prepareModel(cache);
    return cache;
  });
  const cache = await temporaryFolder();
  await cp(await base, cache, { recursive: true });
  const [name = ''] = await readdir(join(cache, 'weights'));
  return { cache, folder: join(cache, 'weights', name) };
}

/** To be called when all tests are over. */
export async function removeCopies(): Promise<void> {
  if (base !== undefined) await rm(await base, { recursive: true });
}
