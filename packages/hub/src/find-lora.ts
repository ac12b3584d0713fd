import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, loraLabel } from '@qwen-edit/contract';
import { cachedCommit, cachePaths } from './cache-paths.ts';
import { isSafetensors, loraFilesIn } from './lora-files.ts';
import type { LoraRepository } from './lora-settings.ts';
import { isCommit, isFileOfRepository, isModelRef } from './model-ref.ts';
import type { HubSettings } from './settings.ts';

/**
 * The file of a LoRA that was pulled: an absolute path, under the name that it has on the hub. The commit of `main` comes before others that
 * are here too. Asks the disk alone. Throws AppError `lora_not_found`, which says how to pull it, or which file has to be named.
 */
export async function findPulledLora(
  { repo, file }: LoraRepository,
  { cacheDir }: Pick<HubSettings, 'cacheDir'>,
): Promise<string> {
  const label = loraLabel({ repo, file });
  const isName =
    isModelRef(repo) && (file === undefined || (isSafetensors({ path: file }) && isFileOfRepository(file)));
  if (!isName) throw new AppError('lora_not_found', `${label} is no name of a LoRA on the hub.`);
  const snapshots = await snapshotsOf(repo, cacheDir);
  for (const dir of snapshots) {
    if (file !== undefined) {
      if (await isFile(join(dir, file))) return join(dir, file);
      continue;
    }
    const [only, ...others] = await loraFilesIn(dir);
    if (only !== undefined && others.length > 0)
      throw new AppError('lora_not_found', `${repo} has several LoRAs: ${[only, ...others].join(', ')}.`, {
        hint: `Say which: ${repo}:${only}.`,
        callerHint: `Say which, as the file of the repo: ${only}.`,
      });
    if (only !== undefined) return join(dir, only);
  }
  throw new AppError('lora_not_found', `${label} has not been pulled.`, {
    hint: `Run \`qwen-edit model pull ${label}\` where the worker runs.`,
    callerHint: 'Ask whoever runs the service to pull it, or name a LoRA that GET /v1/models lists.',
  });
}

/** Folders of its commits, that of `main` first. */
async function snapshotsOf(repo: string, cacheDir: string): Promise<readonly string[]> {
  const paths = cachePaths(cacheDir, repo);
  const main = await cachedCommit(paths, { repo, revision: 'main' });
  const commits = (await readdir(paths.snapshots).catch((): string[] => [])).filter(isCommit).sort();
  const root = await realpath(paths.snapshots).catch(() => paths.snapshots);
  return [...new Set([...(main === undefined ? [] : [main]), ...commits])].map((commit) => join(root, commit));
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
