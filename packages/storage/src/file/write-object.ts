import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { ObjectInfo } from '../object-store.ts';
import type { Feed } from '../streams.ts';
import { modesBelow } from './closed-folder.ts';
import { isAbsent, systemCode, toFileError } from './file-errors.ts';
import { hasPlainFolders, syncFolders, TEMPORARY } from './folders.ts';
import { encodeTrailer } from './trailer.ts';

type Modes = Awaited<ReturnType<typeof modesBelow>>;

/** A delete may remove the new folder, which is still empty, before the rename. That does not happen many times in a row. */
const PUBLISH_ATTEMPTS = 10;

/** Writes a temporary file, makes it durable, then renames it. See `ObjectStore.put`. */
export async function writeObject(root: string, key: string, source: Feed, mediaType: string): Promise<ObjectInfo> {
  const temporary = join(root, TEMPORARY, randomUUID());
  try {
    const modes = await modesBelow(root);
    const info = await fill(temporary, key, source, { mediaType, modes });
    await publish(root, temporary, key, modes.folder);
    return info;
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    throw toFileError(thrown);
  }
}

async function fill(
  path: string,
  key: string,
  source: Feed,
  { mediaType, modes }: { readonly mediaType: string; readonly modes: Modes },
): Promise<ObjectInfo> {
  const file = await createFile(path, modes);
  try {
    const hash = createHash('sha256');
    for await (const chunk of source.chunks) {
      hash.update(chunk);
      await writeAll(file, chunk);
    }
    const sha256 = hash.digest('hex');
    await writeAll(file, encodeTrailer({ mediaType, sha256, bytes: source.bytes() }));
    await file.sync();
    const { mtime } = await file.stat();
    return { key, bytes: source.bytes(), etag: `"${sha256}"`, mediaType, lastModified: mtime };
  } finally {
    await file.close();
  }
}

/** Somebody may have removed the temporary folder by hand since the start. */
async function createFile(path: string, modes: Modes): Promise<FileHandle> {
  try {
    return await open(path, 'wx', modes.file);
  } catch (thrown) {
    if (!isAbsent(thrown)) throw thrown;
    // Does not create the root: an unmounted volume must not look like an empty one.
    await mkdir(dirname(path), { mode: modes.folder });
    return open(path, 'wx', modes.file);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset);
    offset += bytesWritten;
  }
}

async function publish(root: string, temporary: string, key: string, mode: number): Promise<void> {
  const path = join(root, key);
  for (let attempt = 1; ; attempt++) {
    try {
      if (!(await hasPlainFolders(root, key))) await mkdir(dirname(path), { recursive: true, mode });
      await rename(temporary, path);
      return await syncFolders(root, dirname(path));
    } catch (thrown) {
      if (await collides(path, thrown)) throw collision(key, thrown);
      if (systemCode(thrown) !== 'ENOENT' || attempt === PUBLISH_ATTEMPTS) throw thrown;
    }
  }
}

/** True when the key is a folder of other keys, or one of its folders is an object. */
async function collides(path: string, thrown: unknown): Promise<boolean> {
  const code = systemCode(thrown) ?? '';
  if (code === 'ENOTDIR' || code === 'EEXIST') return true;
  if (!['EISDIR', 'ENOTEMPTY', 'EPERM', 'EACCES'].includes(code)) return false;
  return lstat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function collision(key: string, cause: unknown): AppError {
  return new AppError('invalid_parameter', `The key ${key} is the folder of another key, or the other way round.`, {
    hint: 'Choose a key that is no folder of another.',
    cause,
  });
}
