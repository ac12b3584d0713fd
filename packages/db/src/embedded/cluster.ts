import { createHmac, randomBytes } from 'node:crypto';
import { chown, lchown, mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { Binaries } from './binaries.ts';
import { giveFolder, type Identity } from './identity.ts';
import { discard, exists, type Places, syncFolder, UNFINISHED } from './places.ts';
import { runProgram } from './run-program.ts';

/** The passwords of a cluster's roles. Both are derived from its secret, and neither reveals the other. */
export interface Passwords {
  /** Of `postgres`, the superuser, which only the code in this folder uses. */
  readonly superuser: string;
  /** Of `qwen_edit`, which owns the database of that name. */
  readonly application: string;
}

export const SUPERUSER = 'postgres';

/**
 * Makes the cluster if there is none. It gets its name as the last step, so a process that is killed before that leaves nothing that
 * the next start would take for a cluster. It has the encoding UTF8, PostgreSQL's own collation C.UTF-8, which needs no locale of the
 * system, and scram-sha-256 for every connection.
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

/** Removes what killed starts have left. The caller must hold the lock of the data folder. */
export async function removeUnfinished(places: Places): Promise<void> {
  const names = await readdir(places.dataDir);
  await Promise.all(
    names.filter((name) => name.startsWith(UNFINISHED)).map((name) => discard(join(places.dataDir, name))),
  );
}

/** Throws AppError `embedded_database_failed` if the data folder holds a cluster of another major version. */
export async function checkVersion(places: Places, binaries: Binaries): Promise<void> {
  const text = await readFile(join(places.cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (text === undefined || text.trim() === String(binaries.major)) return;
  throw new AppError(
    'embedded_database_failed',
    `${places.cluster} was made by PostgreSQL ${text.trim()}; this version of qwen-edit brings ${binaries.major}.`,
    {
      hint:
        `Back it up with the version of qwen-edit that made it (qwen-edit backup) and restore that into a new data folder, ` +
        `or move ${places.cluster} away to start empty.`,
    },
  );
}

/** The passwords of the cluster. AppError `embedded_database_failed` if its secret cannot be read. */
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
  // initdb has synced its own files; what is added and renamed after it is synced here.
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

/** Removes an empty folder of this name. One that holds something else than a cluster is not ours. */
async function makeRoom(cluster: string): Promise<void> {
  if (!(await exists(cluster))) return;
  await rmdir(cluster).catch((cause: unknown) => {
    throw new AppError('embedded_database_failed', `${cluster} exists and is not a PostgreSQL cluster.`, {
      cause,
      hint: 'Move it away, or set QWEN_EDIT_DATA_DIR to another folder.',
    });
  });
}

/** The top folder gets its new owner last: if it has it, all the files in it have it too. */
async function giveCluster(cluster: string, { owner }: Identity): Promise<void> {
  if (owner === undefined || (await stat(cluster)).uid === owner.uid) return;
  const entries = await readdir(cluster, { recursive: true });
  for (const entry of entries) await lchown(join(cluster, entry), owner.uid, owner.gid);
  await chown(cluster, owner.uid, owner.gid);
}

/** Removes the file of a server that has ended. It would stop the next one if another process has its id by now. */
export async function removeServerFile(places: Places): Promise<void> {
  await rm(join(places.cluster, 'postmaster.pid'), { force: true });
}
