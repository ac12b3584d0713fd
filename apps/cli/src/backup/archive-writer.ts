import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { errorCode, fileFault } from '@qwen-edit/files';
import { pack } from 'tar-stream';
import { chunksOf } from './chunks.ts';
import { BACKUP_MANIFEST, CHECKSUMS } from './format.ts';

/** A backup that is being written. It has its name only when it is whole and on the disk. */
export interface ArchiveWriter {
  /** Adds a member of so many bytes; resolves with its SHA-256. The body is read as fast as the disk writes. */
  add(name: string, bytes: number, body: Body): Promise<string>;
  addText(name: string, text: string): Promise<void>;
  /** Adds the manifest, which gets the digest of all checksums, and gives the file its name. Resolves with its size in bytes. */
  finish(manifestOf: (checksums: string) => object): Promise<number>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

type Body = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** How many members share a list of checksums: as many are held in memory. */
const CHECKSUMS_AT_ONCE = 500;

/** Begins `path`.part, with mode 0600. Errors: `disk_full`, `output_unwritable`, and what a body throws. */
export async function createArchiveWriter(path: string): Promise<ArchiveWriter> {
  const part = `${path}.part`;
  // A file of this name is what a killed backup has left; made anew, it is nobody's link and has the mode.
  const file = await rm(part, { force: true })
    .then(() => open(part, 'wx', 0o600))
    .catch((thrown: unknown) => {
      throw writeError(part, thrown);
    });
  const tar = pack();
  // What breaks is told where it is waited for.
  tar.on('error', () => undefined);
  let size = 0;
  let lists = 0;
  let sums: string[] = [];
  const ofSums = createHash('sha256');
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const written = drain().catch((thrown: unknown) => {
    const error = writeError(part, thrown);
    failed.reject(error);
    throw error;
  });
  written.catch(() => undefined);

  return {
    add: addSummed,
    async addText(name, content) {
      const bytes = Buffer.from(content);
      await addSummed(name, bytes.length, [bytes]);
    },
    async finish(manifestOf) {
      await addSums();
      const text = Buffer.from(`${JSON.stringify(manifestOf(ofSums.digest('hex')), undefined, 2)}\n`);
      await addMember(BACKUP_MANIFEST, text.length, [text]);
      tar.finalize();
      await written;
      try {
        await file.sync();
        await file.close();
        await rename(part, path);
        await syncFolder(dirname(path));
      } catch (thrown) {
        throw writeError(path, thrown);
      }
      return size;
    },
    async discard() {
      tar.destroy();
      await written.catch(() => undefined);
      await file.close().catch(() => undefined);
      await rm(part, { force: true });
    },
  };

  async function drain(): Promise<void> {
    for await (const chunk of chunksOf(tar)) size += await writeAll(file, chunk);
  }

  async function addSummed(name: string, bytes: number, body: Body): Promise<string> {
    const sum = await addMember(name, bytes, body);
    sums.push(`${sum}  ${name}\n`);
    if (sums.length >= CHECKSUMS_AT_ONCE) await addSums();
    return sum;
  }

  async function addSums(): Promise<void> {
    if (sums.length === 0) return;
    const text = Buffer.from(sums.join(''));
    ofSums.update(text);
    sums = [];
    await addMember(`${CHECKSUMS}${String(lists++).padStart(6, '0')}.sha256`, text.length, [text]);
  }

  async function addMember(name: string, bytes: number, body: Body): Promise<string> {
    const hash = createHash('sha256');
    const ended = Promise.withResolvers<void>();
    ended.promise.catch(() => undefined);
    const sink = tar.entry({ name, size: bytes, mode: 0o600, mtime: new Date() }, (error) =>
      error == null ? ended.resolve() : ended.reject(error),
    );
    sink.on('error', () => undefined);
    const either = <T>(wait: Promise<T>): Promise<T> => Promise.race([wait, failed.promise]);
    for await (const chunk of body) {
      hash.update(chunk);
      if (!sink.write(chunk)) await either(once(sink, 'drain'));
    }
    sink.end(null);
    await either(ended.promise);
    return hash.digest('hex');
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<number> {
  for (let offset = 0; offset < chunk.length; ) offset += (await file.write(chunk, offset)).bytesWritten;
  return chunk.length;
}

/** Makes a rename survive a loss of power. Windows does not open folders, and its file system journals by itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  await folder.sync().finally(() => folder.close());
}

/** What a failed write of this file means. */
export function writeError(path: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const fault = fileFault(thrown);
  if (fault === 'full')
    return new AppError('disk_full', `The disk is full: ${path} cannot be written.`, { cause: thrown });
  const reason = thrown instanceof Error ? thrown.message : errorCode(thrown);
  return new AppError('output_unwritable', `${path} cannot be written: ${reason}`, { cause: thrown });
}
