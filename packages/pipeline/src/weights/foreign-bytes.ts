import { open } from 'node:fs/promises';
import { AppError, type ErrorCode } from '@qwen-edit/contract';
import { FETCH_AGAIN, FULL_PRECISION } from './remedies.ts';

/** What a file is that was taken for one of a checkpoint. */
interface Kind {
  readonly is: (head: Buffer) => boolean;
  readonly code: ErrorCode;
  /** Follows the file's name. */
  readonly says: string;
  readonly hint: string;
}

const starts =
  (...bytes: readonly number[]) =>
  (head: Buffer): boolean =>
    head.subarray(0, bytes.length).equals(Buffer.from(bytes));
const begins = (text: string): Kind['is'] => starts(...Buffer.from(text));

const ARCHIVE: Omit<Kind, 'is'> = {
  code: 'model_unsupported',
  says: 'is an archive.',
  hint: 'Unpack it, and point --model or QWEN_EDIT_2511_DIR at the folder that comes out.',
};
const PICKLE: Omit<Kind, 'is'> = {
  code: 'model_unsupported',
  says: 'is a PyTorch file (a pickle, as .bin, .pt and .ckpt are). Reading one can run any code, so it is not read.',
  hint: 'Use the .safetensors files of the same checkpoint, or save it with save_pretrained(…, safe_serialization=True).',
};
const ANSWER: Omit<Kind, 'is'> = {
  code: 'model_corrupt',
  says: 'holds the answer of a web server, such as an error or a sign-in page, instead of the file.',
  hint: 'Check HF_ENDPOINT, the proxy, and HF_TOKEN if access to the model has to be granted. Then delete this file and download it again.',
};

/** The first that fits counts. */
const KINDS: readonly Kind[] = [
  {
    is: begins('version https://git-lfs.github.com/spec'),
    code: 'model_incomplete',
    says: 'is a Git LFS pointer, which stands for a file that was not downloaded.',
    hint: 'Run `git lfs install` and `git lfs pull` in the model folder, or use `qwen-edit model pull` instead of git.',
  },
  {
    is: begins('GGUF'),
    code: 'model_unsupported',
    says: 'is a GGUF file, for llama.cpp and ComfyUI.',
    hint: FULL_PRECISION,
  },
  { is: (head) => starts(0x50, 0x4b, 3, 4)(head) && /\.pkl|archive\//.test(head.toString('latin1')), ...PICKLE },
  { is: (head) => head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 0) <= 5, ...PICKLE },
  { is: starts(0x50, 0x4b, 3, 4), ...ARCHIVE },
  { is: starts(0x1f, 0x8b), ...ARCHIVE },
  { is: starts(0x28, 0xb5, 0x2f, 0xfd), ...ARCHIVE },
  { is: starts(0xfd, 0x37, 0x7a, 0x58, 0x5a), ...ARCHIVE },
  { is: starts(0x37, 0x7a, 0xbc, 0xaf), ...ARCHIVE },
  { is: begins('Rar!'), ...ARCHIVE },
  { is: (head) => head.subarray(257, 262).toString('latin1') === 'ustar', ...ARCHIVE },
  {
    is: (head) =>
      /^\s*(<!doctype|<html|<head|<\?xml|<error|\{\s*"(error|message|detail)")/i.test(head.toString('utf8')),
    ...ANSWER,
  },
  {
    is: (head) => head.length > 8 && head.every((byte) => byte === 0),
    code: 'model_corrupt',
    says: 'begins with zeros: its place on the disk was kept, its content never arrived.',
    hint: FETCH_AGAIN,
  },
];

const HEAD_BYTES = 512;

/** What a file is, by its first bytes, if it is none that belongs in a checkpoint; undefined if it is not recognised. */
export function foreignBytes(bytes: Uint8Array, name: string): AppError | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, HEAD_BYTES));
  const kind = KINDS.find(({ is }) => is(head));
  return kind === undefined ? undefined : new AppError(kind.code, `${name} ${kind.says}`, { hint: kind.hint });
}

/** As foreignBytes, of a file; undefined also if it cannot be read. */
export async function foreignFile(path: string, name: string): Promise<AppError | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
      return foreignBytes(head.subarray(0, bytesRead), name);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
