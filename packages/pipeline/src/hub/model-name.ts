import { basename, dirname } from 'node:path';

const CACHED = /^models--.+--([^/]+)$/;

/**
 * The name of the model in a folder: that of the folder, or, of a snapshot in a cache of the Hugging Face hub
 * (`models--owner--name/snapshots/COMMIT`), that of the model.
 */
export function modelNameOf(dir: string): string {
  const snapshots = dirname(dir);
  const [, name] = basename(snapshots) === 'snapshots' ? (CACHED.exec(basename(dirname(snapshots))) ?? []) : [];
  return name ?? basename(dir);
}
