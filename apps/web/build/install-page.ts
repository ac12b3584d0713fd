import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A page that is open loads parts of itself later: parts of an older build stay for as long as one may be open. */
const KEEP_MS = 24 * 3600_000;

/**
 * Puts a freshly built page in place of another while it is served, and while another process does the same: parts have
 * hashed names and come first, then the page that names them, then the note of what it was built from. Each file is moved
 * whole. `from` has to lie on the same file system.
 */
export async function installPage(from: string, to: string, digest: string): Promise<void> {
  const files = await filesOf(from);
  const last = files.filter((file) => file === 'index.html');
  const now = new Date();
  for (const file of [...files.filter((file) => file !== 'index.html'), ...last]) {
    const target = join(to, file);
    await mkdir(dirname(target), { recursive: true });
    await utimes(join(from, file), now, now);
    await rename(join(from, file), target);
  }
  await writeFile(join(from, '.digest'), `${digest}\n`);
  await rename(join(from, '.digest'), join(to, '.digest'));
  await removeOld(to, new Set(files), now.getTime() - KEEP_MS);
}

async function removeOld(folder: string, current: ReadonlySet<string>, before: number): Promise<void> {
  for (const file of await filesOf(folder)) {
    if (current.has(file) || file === '.digest') continue;
    const path = join(folder, file);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && facts.mtimeMs < before) await rm(path, { force: true });
  }
}

/** Paths below the folder, with forward slashes. */
export async function filesOf(folder: string, below = ''): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
  const nested = entries.map((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    return entry.isDirectory() ? filesOf(folder, path) : [path];
  });
  return (await Promise.all(nested)).flat();
}
