import { randomBytes } from 'node:crypto';
import { chmod, chown, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { closeFolder } from '@qwen-edit/storage';
import { z } from 'zod';

const FILE = 'signing-secret';
const secretSchema = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * The secret of this data folder that signs addresses of stored files: made once, so that an address outlives a restart.
 * Several processes that start at once agree on one. Throws AppError `output_unwritable`.
 */
export async function readSigningSecret(dataDir: string): Promise<string> {
  try {
    return await readOrMake(dataDir);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('output_unwritable', `The data folder ${dataDir} cannot be used: ${reason}`, {
      cause,
      hint: 'Check its owner and permissions, or set QWEN_EDIT_DATA_DIR to another folder. In a container, mount a volume there.',
    });
  }
}

async function readOrMake(dataDir: string): Promise<string> {
  // Pictures lie below: nobody else on the machine has to read them.
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, FILE);
  const present = await read(path);
  if (present !== undefined) return present;
  // By chance, not by process id: containers that share a volume all begin with the same ids.
  const fresh = `${path}.${randomBytes(8).toString('hex')}`;
  await writeFile(fresh, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  // A link is made whole or not at all, and never over another's.
  await link(fresh, path).catch(() => undefined);
  await rm(fresh, { force: true });
  const secret = await read(path);
  if (secret !== undefined) return secret;
  throw new AppError('output_unwritable', `The file ${path} cannot be read, or holds no secret.`, {
    hint: 'Let the user that the service runs as read it, or remove it: a new one is made, and addresses signed so far end.',
  });
}

/** True if a secret can be read, so that none has to be written. */
export async function hasSigningSecret(dataDir: string): Promise<boolean> {
  return (await read(join(dataDir, FILE))) !== undefined;
}

async function read(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return secretSchema.safeParse(text?.trim()).data;
}

/**
 * Closes a folder in which pictures lie to other users. Returns a sentence for the log if it was open; undefined if it was closed, or
 * is not there.
 */
export async function closeToOthers(folder: string, setting: string): Promise<string | undefined> {
  const path = resolve(folder);
  const state = await closeFolder(path).catch(() => 'was closed');
  if (state === 'was closed') return undefined;
  if (state === 'open')
    return `The folder ${path} of ${setting} is open to other users of this machine, and cannot be closed: close it, or choose another.`;
  await letDatabasePass(path);
  return `The folder ${path} of ${setting} was open to other users of this machine, and was closed.`;
}

/** Started as root, PostgreSQL runs as another user, which may be running now: it has to reach its programs. */
async function letDatabasePass(dataDir: string): Promise<void> {
  const cluster = await stat(join(dataDir, 'postgres')).catch(() => undefined);
  if (process.geteuid?.() !== 0 || cluster === undefined || cluster.uid === 0) return;
  await chown(dataDir, 0, cluster.gid);
  await chmod(dataDir, 0o710);
}
