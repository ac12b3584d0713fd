import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AppError } from '@qwen-edit/contract';

const CHUNK = 8 * 2 ** 20;
/** Of a memory page, so that a mapped array begins at one. */
const ALIGNMENT = 4096;

/** A file of arrays that is written from its beginning to its end. */
export interface ArrayFile {
  readonly path: string;
  /** Appends bytes at the next page. Resolves with their offset. */
  append(bytes: Uint8Array): Promise<number>;
  /** Appends a part of another file. Rejects with AppError `engine_failed` if that ends before. */
  copy(from: FileHandle, offset: number, byteLength: number): Promise<number>;
  /** Resolves when all of it is on the disk. */
  finish(): Promise<{ readonly bytes: number; readonly sha256: string }>;
  close(): Promise<void>;
}

/** Starts a file at `path`; one that is there is replaced. Rejects with what the file system says. */
export async function createArrayFile(path: string): Promise<ArrayFile> {
  const file = await open(path, 'w');
  const hash = createHash('sha256');
  let end = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, end + done);
      done += bytesWritten;
    }
    hash.update(bytes);
    end += bytes.length;
  };
  const align = (): Promise<void> => write(new Uint8Array((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT));
  return {
    path,
    async append(bytes) {
      await align();
      const offset = end;
      await write(bytes);
      return offset;
    },
    async copy(from, offset, byteLength) {
      await align();
      const begin = end;
      const buffer = new Uint8Array(Math.min(CHUNK, byteLength));
      for (let done = 0; done < byteLength; ) {
        const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, byteLength - done), offset + done);
        if (bytesRead === 0) throw new AppError('engine_failed', 'A file that ONNX Runtime wrote ends too early.');
        await write(buffer.subarray(0, bytesRead));
        done += bytesRead;
      }
      return begin;
    },
    async finish() {
      await file.sync();
      return { bytes: end, sha256: hash.digest('hex') };
    },
    close: () => file.close(),
  };
}

const SAMPLES = 16;

/**
 * A digest of the size and of pages all over a file, the last among them. It takes milliseconds, and tells a file that was cut off, not
 * written to its end or exchanged; of a part that was lost, it tells a sixteenth or more. Rejects if the file cannot be read.
 */
export async function sampleDigest(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256').update(String(size));
    const page = new Uint8Array(Math.min(ALIGNMENT, size));
    for (let i = 0; i < SAMPLES; i++) {
      const offset = Math.floor(((size - page.length) * i) / (SAMPLES - 1));
      const { bytesRead } = await file.read(page, 0, page.length, offset);
      hash.update(page.subarray(0, bytesRead));
    }
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}
