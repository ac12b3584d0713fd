import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
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
