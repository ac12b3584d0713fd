import { constants, type Stats } from 'node:fs';
import { access, type FileHandle, lstat, open, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError, toAppError } from '@qwen-edit/contract';
import { checkExpiry, checkKey, checkMediaType, checkPrefix, checkRange, rangeNotSatisfiable } from '../names.ts';
import type { ByteRange, ObjectEntry, ObjectInfo, ObjectStore, StoredObject } from '../object-store.ts';
import { ObjectsKept } from '../objects-kept.ts';
import { type SignedTerms, signUrl, type UrlSigning } from '../signed-url.ts';
import { canceled, exactly, feed } from '../streams.ts';
import { isAbsent, systemCode, toFileError } from './file-errors.ts';
import { hasPlainFolders, linkFound, openRoot, removeEmptyFolders, TEMPORARY } from './folders.ts';
import { readTrailer } from './trailer.ts';
import { walk } from './walk.ts';
import { writeObject } from './write-object.ts';

export interface FileStoreOptions {
  /** Created if it is missing. Several processes may use it at the same time. */
  readonly folder: string;
  readonly signing?: UrlSigning;
  readonly now?: () => Date;
}

interface OpenObject {
  readonly file: FileHandle;
  readonly info: ObjectInfo;
}

/** A disk without room for this is full. */
const CHECK_BYTES = new Uint8Array(1024 * 1024);

/** Objects as files in a folder. */
export function createFileStore({ folder, signing, now = () => new Date() }: FileStoreOptions): ObjectStore {
  let opened: Promise<string> | undefined;

  /** The opened folder. The result is kept once it has succeeded. */
  async function root(): Promise<string> {
    opened ??= openRoot(folder);
    try {
      return await opened;
    } catch (thrown) {
      opened = undefined;
      throw toFileError(thrown);
    }
  }

  async function get(key: string, options: { range?: ByteRange; signal?: AbortSignal } = {}) {
    checkKey(key);
    if (options.range !== undefined) checkRange(options.range);
    throwIfAborted(options.signal);
    const found = await openObject(await root(), key);
    return found === undefined ? undefined : read(found, options.range, options.signal);
  }

  async function head(key: string, options: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    checkKey(key);
    throwIfAborted(options.signal);
    const found = await openObject(await root(), key);
    await found?.file.close();
    return found?.info;
  }

  async function remove(keys: readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    keys.forEach(checkKey);
    const base = await root();
    const kept = new Map<string, string>();
    let first: AppError | undefined;
    for (const key of keys) {
      throwIfAborted(options.signal);
      try {
        await removeObject(base, key);
      } catch (thrown) {
        const failure = toAppError(thrown);
        first ??= failure;
        kept.set(key, failure.message);
      }
    }
    if (first !== undefined) throw new ObjectsKept(kept, { where: 'the storage', cause: first });
  }

  async function* list(prefix: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix);
    const base = await root();
    try {
      yield* walk(base, prefix, options.signal);
    } catch (thrown) {
      throw toFileError(thrown);
    }
  }

  async function check(signal?: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    const base = await root();
    try {
      await access(base, constants.R_OK | constants.W_OK | constants.X_OK);
      const probe = join(base, TEMPORARY, `check-${crypto.randomUUID()}`);
      await writeFile(probe, CHECK_BYTES, { flag: 'wx', mode: 0o600 }).finally(() => unlink(probe));
    } catch (thrown) {
      throw toFileError(thrown);
    }
  }

  async function presign(key: string, expiresSeconds: number, terms: Omit<SignedTerms, 'key' | 'expires'>) {
    checkExpiry(expiresSeconds);
    if (signing === undefined) throw new AppError('internal', 'This store was made without a secret to sign with.');
    return signUrl({ ...terms, key, expires: Math.floor(now().getTime() / 1000) + expiresSeconds }, signing);
  }

  return {
    kind: 'file',
    answersSignedUrls: false,
    put: (key, body, options) =>
      feed(body, options, async (source) => {
        checkKey(key);
        checkMediaType(options.mediaType);
        return writeObject(await root(), key, source, options.mediaType);
      }),
    get,
    head,
    delete: remove,
    list,
    presignGet: (key, { expiresSeconds, ...terms }) => presign(key, expiresSeconds, { method: 'GET', ...terms }),
    presignPut: (key, { expiresSeconds, ...terms }) => presign(key, expiresSeconds, { method: 'PUT', ...terms }),
    check,
    async sweepTemporary(olderThanMs, signal) {
      return sweep(join(await root(), TEMPORARY), now().getTime() - olderThanMs, signal);
    },
    async close() {},
  };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(signal);
}

async function openObject(root: string, key: string): Promise<OpenObject | undefined> {
  let file: FileHandle | undefined;
  try {
    if (!(await hasPlainFolders(root, key))) return await nothingIn(root);
    // Windows has no O_NOFOLLOW; there only the folders are checked for links.
    file = await open(join(root, key), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const stat = await file.stat();
    if (!stat.isFile()) {
      await file.close();
      return await nothingIn(root);
    }
    return { file, info: await infoOf(file, stat, key) };
  } catch (thrown) {
    await file?.close();
    if (isAbsent(thrown)) return nothingIn(root);
    throw systemCode(thrown) === 'ELOOP' ? linkFound(key) : toFileError(thrown);
  }
}

/** Reports an object as absent only if the root folder exists: its volume may have been unmounted. */
async function nothingIn(root: string): Promise<undefined> {
  try {
    await lstat(root);
  } catch (thrown) {
    throw toFileError(thrown);
  }
}

async function infoOf(file: FileHandle, stat: Stats, key: string): Promise<ObjectInfo> {
  const trailer = await readTrailer(file, stat.size);
  if (trailer === undefined) {
    throw new AppError('storage_unavailable', `The object ${key} is damaged: its end is missing.`, {
      hint: 'Check the disk; delete the object, or bring its file back from a backup.',
    });
  }
  const { sha256, bytes, mediaType } = trailer;
  return { key, bytes, etag: `"${sha256}"`, mediaType, lastModified: stat.mtime };
}

async function read({ file, info }: OpenObject, range?: ByteRange, signal?: AbortSignal): Promise<StoredObject> {
  if (range !== undefined && range.start >= info.bytes) {
    await file.close();
    throw rangeNotSatisfiable(info.key, range);
  }
  const start = range?.start ?? 0;
  const end = Math.min(range?.end ?? Number.POSITIVE_INFINITY, info.bytes - 1);
  if (info.bytes === 0) await file.close();
  const source = info.bytes === 0 ? Readable.from([]) : file.createReadStream({ start, end });
  return { info, body: exactly(source, end - start + 1, { toError: toFileError, signal }) };
}

async function removeObject(root: string, key: string): Promise<void> {
  try {
    if (!(await hasPlainFolders(root, key))) return await nothingIn(root);
    const path = join(root, key);
    if ((await lstat(path)).isDirectory()) return;
    await unlink(path);
    await removeEmptyFolders(root, key);
  } catch (thrown) {
    if (!isAbsent(thrown)) throw toFileError(thrown);
  }
}

async function sweep(folder: string, before: number, signal: AbortSignal | undefined): Promise<number> {
  let swept = 0;
  try {
    for (const name of await readdir(folder)) {
      throwIfAborted(signal);
      const path = join(folder, name);
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined || stat.mtimeMs > before) continue;
      swept += await unlink(path).then(
        () => 1,
        () => 0,
      );
    }
    return swept;
  } catch (thrown) {
    throw toFileError(thrown);
  }
}
