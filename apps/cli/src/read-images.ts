import { readFile, stat } from 'node:fs/promises';
import { AppError, LIMITS } from '@qwen-edit/contract';

/** The pictures that --image names, at least one. Throws AppError `usage`. */
export function imagePathsOf(paths: readonly string[] | undefined): readonly string[] {
  if (paths === undefined) throw new AppError('usage', '--image is missing.');
  if (paths.length > LIMITS.images) {
    throw new AppError('usage', `--image may be given ${LIMITS.images} times at most, not ${paths.length}.`);
  }
  return paths;
}

/** Reads the pictures. Throws AppError `image_not_found` or `image_too_large`, naming the file. */
export function readImages(paths: readonly string[]): Promise<Uint8Array[]> {
  return Promise.all(paths.map(readImage));
}

async function readImage(path: string): Promise<Uint8Array> {
  try {
    const facts = await stat(path);
    // Reading a device or a pipe might never end.
    if (!facts.isFile()) throw new AppError('image_not_found', `${path} is not a file.`);
    if (facts.size > LIMITS.imageBytes) {
      throw new AppError('image_too_large', `${path} has ${facts.size} bytes; at most ${LIMITS.imageBytes} are read.`);
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new AppError('image_not_found', `${path} cannot be read (${code}).`, { cause });
  }
}
