import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Left free, so that the machine goes on working. */
const RESERVE = 64 * 2 ** 20;

/** Whether so many free bytes hold so many new ones. A disk that tells nothing is believed to. */
export function hasSpace(free: number | undefined, bytes: number): boolean {
  return free === undefined || bytes === 0 || free >= bytes + RESERVE;
}

/** What this user may still write on the disk where the folder lies or is to lie. undefined if the file system does not tell. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  return (await diskSpace(folder))?.free;
}

/** The size in bytes of the disk where the folder lies or is to lie, and what this user may still write there. */
export interface DiskSpace {
  readonly free: number;
  readonly total: number;
}

/** undefined if the file system does not tell. */
export async function diskSpace(folder: string): Promise<DiskSpace | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder);
    return blocks === 0 ? undefined : { free: bavail * bsize, total: blocks * bsize };
  } catch {
    // The folder is not there yet: the one above it is on the same disk.
    return dirname(folder) === folder ? undefined : diskSpace(dirname(folder));
  }
}

/** Decimal units, as disks have them. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
