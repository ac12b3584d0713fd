import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';

/** A name beside `path` that nobody else uses, for what is then renamed to it. */
export const temporaryName = (path: string): string => `${path}.${randomBytes(6).toString('hex')}.tmp`;

/** A reader finds the old text or the new one, never a part. */
export async function replaceText(path: string, text: string): Promise<void> {
  const fresh = temporaryName(path);
  await writeFile(fresh, text);
  await rename(fresh, path);
}
