import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Config } from '../settings.ts';

/** A container's environment is not read by a shell, which would do this. */
export const expandHome = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir());

/** The folder that programs keep their caches in. Source: XDG Base Directory Specification. */
export const userCacheDir = ({ userCacheDir: said }: Pick<Config, 'userCacheDir'>): string =>
  said ?? join(homedir(), '.cache');

/**
 * Where weights lie that are prepared for a precision: QWEN_EDIT_OFFLOAD_FOLDER, else a folder of the user's caches. It does not lie in
 * the data folder, as the files are large and services with different data folders share them. Nothing is made.
 */
export function weightCacheDir(config: Pick<Config, 'weightCacheDir' | 'userCacheDir'>): string {
  return resolve(expandHome(config.weightCacheDir ?? join(userCacheDir(config), 'qwen-edit')));
}
