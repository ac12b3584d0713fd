import { resolve } from 'node:path';
import { repeat } from '@qwen-edit/async';
import { diskSpace } from '@qwen-edit/files';
import type { Metrics } from '@qwen-edit/telemetry';
import { mayWriteInto, nearestFolder } from '../doctor/nearest-folder.ts';
import { weightCacheDir } from '../model/cache-folders.ts';
import type { Config } from '../settings.ts';
import { storageUrlOf } from './backends.ts';
import { type CheckedModel, folderOfStore } from './check-settings.ts';
import type { Role } from './role-command.ts';

/** A folder that a role writes to. */
export interface WrittenFolder {
  readonly folder: 'data' | 'storage' | 'models' | 'prepared' | 'output';
  readonly path: string;
}

const EVERY_MS = 15_000;

/** The folders that a role may write to, as its settings name them. Nothing is made. */
export function writtenFolders(role: Role, config: Config, model: CheckedModel | undefined): readonly WrittenFolder[] {
  const storageUrl = storageUrlOf(config);
  const folders: WrittenFolder[] = [{ folder: 'data', path: config.dataDir }];
  if (/^file:/i.test(storageUrl)) folders.push({ folder: 'storage', path: folderOfStore(storageUrl) });
  if (model !== undefined) {
    const { chosen, hub } = model;
    const path = chosen.kind === 'folder' ? chosen.dir : (chosen.localDir ?? hub.cacheDir);
    folders.push({ folder: 'models', path }, { folder: 'prepared', path: weightCacheDir(config) });
  }
  if (config.outputDir !== undefined && (role === 'api' || role === 'serve'))
    folders.push({ folder: 'output', path: config.outputDir });
  return folders.map(({ folder, path }) => ({ folder, path: resolve(path) }));
}

/**
 * Measures the disks under these folders, now and every 15 s, until the signal aborts. A folder that this user may not write to has no
 * figures: nothing fills it, and a read-only file system has no free space. Never rejects.
 */
export async function measureDisks(
  { diskBytes }: Pick<Metrics, 'diskBytes'>,
  folders: readonly WrittenFolder[],
  signal: AbortSignal,
): Promise<void> {
  const measure = async (): Promise<number> => {
    // A network file system that is away may keep its caller for ever: no figures are better than old ones.
    const late = setTimeout(() => diskBytes.reset(), EVERY_MS);
    // One after the other, as each such call keeps a thread of the few that all files of this process share.
    for (const { folder, path } of folders) {
      const space = (await mayWriteInto(await nearestFolder(path))) ? await diskSpace(path) : undefined;
      for (const state of ['free', 'total'] as const) {
        if (space === undefined) diskBytes.remove({ folder, state });
        else diskBytes.set({ folder, state }, space[state]);
      }
    }
    clearTimeout(late);
    return EVERY_MS;
  };
  await repeat(measure, { signal, backoff: () => EVERY_MS, onFailure: () => diskBytes.reset() });
}
