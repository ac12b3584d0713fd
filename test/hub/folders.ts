import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Every file below a folder by its path, links followed; without the notes about the download. */
export async function contentOf(dir: string): Promise<Record<string, Buffer>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !relative(dir, path).startsWith('.cache'))
    .sort();
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [relative(dir, path), await readFile(path)] as const)),
  );
}

/** What a download of these files is to leave: all but other formats of the weights. */
export function wholeContent(files: Readonly<Record<string, Uint8Array>>): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(files)
      .filter(([path]) => !path.endsWith('.bin'))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, bytes]) => [path, Buffer.from(bytes)]),
  );
}

/** Names of what an interrupted download leaves, anywhere below a folder. */
export async function leftovers(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  return names.filter((name) => /\.incomplete$|\.tmp$|\.lock$/.test(name));
}
