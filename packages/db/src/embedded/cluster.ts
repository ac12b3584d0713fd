import { createHmac, randomBytes } from 'node:crypto';
import { chown, lchown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { Binaries } from './binaries.ts';
import { giveFolder, type Identity } from './identity.ts';
import { discard, exists, type Places, syncFolder, UNFINISHED } from './places.ts';
import { runProgram } from './run-program.ts';

/** The roles of a cluster, and the passwords that both come from its secret: neither tells the other. */
export interface Passwords {
  /** Of `postgres`, the superuser, whom only this folder's code uses. */
  readonly superuser: string;
  /** Of `qwen_edit`, who owns the database of that name. */
  readonly application: string;
}

export const SUPERUSER = 'postgres';

/**
 * Makes the cluster where there is none. It gets its name as the last step, so a process that is killed before leaves nothing
 * that the next start would take for a cluster. Encoding UTF8, PostgreSQL's own C.UTF-8 collation, which needs no locale of
 * the system; scram-sha-256 for every connection.
 */
export async function ensureCluster(
  places: Places,
  binaries: Binaries,
  identity: Identity,
  signal?: AbortSignal,
): Promise<void> {
  if (await exists(join(places.cluster, 'PG_VERSION'))) {
    await giveCluster(places.cluster, identity);
    return;
  }
  await makeRoom(places.cluster);
  const unfinished = await mkdtemp(join(places.dataDir, UNFINISHED));
  try {
    await giveFolder(unfinished, identity);
    await createCluster(unfinished, places, binaries, identity, signal);
  } finally {
    await discard(unfinished);
  }
}

/** Removes what starts that were killed have left. Only for who holds the data folder's lock. */
export async function removeUnfinished(places: Places): Promise<void> {
  const names = await readdir(places.dataDir);
  await Promise.all(
    names.filter((name) => name.startsWith(UNFINISHED)).map((name) => discard(join(places.dataDir, name))),
  );
}

/** AppError `embedded_database_failed` where the data folder holds a cluster of another major version. */
export async function checkVersion(places: Places, binaries: Binaries): Promise<void> {
  const text = await readFile(join(places.cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (text === undefined || text.trim() === String(binaries.major)) return;
  throw new AppError(
    'embedded_database_failed',
    `${places.cluster} was made by PostgreSQL ${text.trim()}; this version of qwen-edit brings ${binaries.major}.`,
    {
      hint:
        `Dump it with the version of qwen-edit that made it (pg_dump) and restore the dump (psql) into a new data folder, ` +
        `or move ${places.cluster} away to start empty.`,
    },
  );
}

export async function readPasswords(places: Places): Promise<Passwords> {
  try {
    const secret = (await readFile(places.secret, 'utf8')).trim();
    const application = createHmac('sha256', secret).update('qwen_edit').digest('hex').slice(0, 48);
    return { superuser: secret, application };
  } catch (cause) {
    throw new AppError('embedded_database_failed', `The database's password cannot be read from ${places.secret}.`, {
      cause,
      hint: 'Restore the file from a backup of the data folder, or move the folder away to start empty.',
    });
  }
}

async function createCluster(
  unfinished: string,
  places: Places,
  binaries: Binaries,
  identity: Identity,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [cluster, secret] = [join(unfinished, 'cluster'), join(unfinished, 'secret')];
  await mkdir(cluster, { mode: 0o700 });
  await giveFolder(cluster, identity);
  await writeSecret(secret, identity);
  const args = ['-D', cluster, '-U', SUPERUSER, `--pwfile=${secret}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const ended = await runProgram(identity.launch(binaries.initdb, [...args, ...locale]), signal);
  signal?.throwIfAborted();
  if (!ended.ok) throw initFailed(ended.output, identity);
  // initdb has synced its files; what is added and renamed afterwards is synced here.
  await rename(secret, join(cluster, 'qwen_edit.secret'));
  await syncFolder(cluster);
  await rename(cluster, places.cluster);
  await syncFolder(places.dataDir);
}

async function writeSecret(path: string, { owner }: Identity): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(24).toString('hex')}\n`);
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.sync();
  } finally {
    await file.close();
  }
}

function initFailed(output: string, identity: Identity): AppError {
  const lines = output.split('\n').filter((line) => /error|fatal|could not|no space|not found/i.test(line));
  const why = (lines.length > 0 ? lines : output.split('\n').slice(-3)).join(' ');
  const code = /no space left/i.test(output) ? 'disk_full' : 'embedded_database_failed';
  const nameless = output.includes('user does not exist')
    ? 'Run as a user that /etc/passwd names'
    : 'Check the data folder';
  const hint = `${nameless}, or set DATABASE_URL to a PostgreSQL server.`;
  return new AppError(code, `The database could not be set up (as ${identity.name}): ${why}`, { hint });
}

/** A folder of this name that holds no cluster is somebody's own, unless it is empty. */
async function makeRoom(cluster: string): Promise<void> {
  if (!(await exists(cluster))) return;
  await rmdir(cluster).catch((cause: unknown) => {
    throw new AppError('embedded_database_failed', `${cluster} exists and is not a PostgreSQL cluster.`, {
      cause,
      hint: 'Move it away, or set QWEN_EDIT_DATA_DIR to another folder.',
    });
  });
}

/** The top folder changes hands last: its owner tells whether all that lies in it has done so. */
async function giveCluster(cluster: string, { owner }: Identity): Promise<void> {
  if (owner === undefined || (await stat(cluster)).uid === owner.uid) return;
  const entries = await readdir(cluster, { recursive: true });
  for (const entry of entries) await lchown(join(cluster, entry), owner.uid, owner.gid);
  await chown(cluster, owner.uid, owner.gid);
}

/** A file of a server that is gone. It would stop the next one if its process id is in use again. */
export async function removeServerFile(places: Places): Promise<void> {
  await rm(join(places.cluster, 'postmaster.pid'), { force: true });
}
