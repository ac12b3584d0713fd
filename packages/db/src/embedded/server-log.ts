import { readFile, stat, truncate, writeFile } from 'node:fs/promises';

const LIMIT_BYTES = 8 * 2 ** 20;
const LOOK_EVERY_MS = 60_000;
const TAIL_LINES = 6;

/** Begins an empty log that only its owner may read. */
export async function beginLog(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600 });
}

/** The last lines of the log, for an error's message. */
export async function logTail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-TAIL_LINES).join(' | ');
}

/** Empties the log whenever it has grown too big: the server appends, so it goes on at the beginning. Returns its end. */
export function limitLog(path: string): () => void {
  const look = async (): Promise<void> => {
    const { size } = await stat(path);
    if (size > LIMIT_BYTES) await truncate(path);
  };
  // A log that cannot be looked at is no reason to disturb anybody.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
