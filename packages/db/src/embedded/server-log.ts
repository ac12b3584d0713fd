import { readFile, stat, truncate, writeFile } from 'node:fs/promises';

const LIMIT_BYTES = 8 * 2 ** 20;
const LOOK_EVERY_MS = 60_000;
const TAIL_LINES = 6;

/** Begins an empty log that only its owner may read. */
export async function beginLog(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o600 });
}

/** The last lines of the log, for the message of an error. */
export async function logTail(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-TAIL_LINES).join(' | ');
}

/**
 * Empties the log whenever it has grown too big. The server appends to it, so it continues at the beginning. Returns a function that
 * ends this.
 */
export function limitLog(path: string): () => void {
  const look = async (): Promise<void> => {
    const { size } = await stat(path);
    if (size > LIMIT_BYTES) await truncate(path);
  };
  // If the log cannot be read, nothing else suffers.
  const timer = setInterval(() => void look().catch(() => undefined), LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}
