import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { z } from 'zod';

/** The repository: what the page is built from lies below it. */
const root = join(import.meta.dirname, '../../..');
export const webFolder = join(import.meta.dirname, '..');

const SCOPE = '@qwen-edit/';
/** Sample photos of the page. */
const PHOTOS = join(root, 'scripts/demo/photos');
/** npm's own note of every version that is installed. */
const INSTALLED = join(root, 'node_modules/.package-lock.json');
const IGNORED_FOLDERS = new Set(['dist', 'node_modules']);

const manifestSchema = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

/** A digest of everything that decides how the page comes out: its sources, those of our packages, and installed versions. */
export async function digestPage(): Promise<string> {
  const folders = [webFolder, ...(await packagesOfPage()), PHOTOS];
  const files = (await Promise.all(folders.map(listFiles))).flat();
  const hash = createHash('sha256');
  for (const file of [...files, INSTALLED].sort()) {
    const content = await readFile(file).catch(() => undefined);
    if (content === undefined) continue;
    const name = relative(root, file).split(sep).join('/');
    hash.update(`${name}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

/** Folders of the packages of ours that the page is made of, and of those that these are made of. */
async function packagesOfPage(): Promise<readonly string[]> {
  const found = new Set<string>();
  const waiting = [webFolder];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { dependencies } = manifestSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')));
    for (const name of Object.keys(dependencies)) {
      const used = join(root, 'packages', name.slice(SCOPE.length));
      if (!name.startsWith(SCOPE) || found.has(used)) continue;
      found.add(used);
      waiting.push(used);
    }
  }
  return [...found];
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const nested = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED_FOLDERS.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
  return (await Promise.all(nested)).flat();
}

/** The digest of the sources that lie built in `folder`; undefined where nothing does. */
export async function builtDigest(folder: string): Promise<string | undefined> {
  const digest = await readFile(join(folder, '.digest'), 'utf8').catch(() => undefined);
  return digest?.trim();
}
