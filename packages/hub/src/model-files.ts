import { z } from 'zod';
import { isFileOfRepository } from './model-ref.ts';

/** A file of a model at one commit, as the hub lists it. */
export interface ModelFile {
  /** From the model's folder, with slashes. */
  readonly path: string;
  readonly size: number;
  /** The name of its content: SHA-256 of what git LFS keeps, else the id of the git blob (SHA-1 with a header). */
  readonly etag: string;
  readonly blobId: string;
  /** undefined for small files, which git keeps itself. */
  readonly sha256: string | undefined;
  readonly xetHash: string | undefined;
}

const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));
const size = z.int().min(0);
export const filePath = z.string().min(1).max(1024).refine(isFileOfRepository, 'leaves the folder of the model');

/** An entry of the hub's listing. Source: GET /api/models/REPO/tree/REVISION. */
export const listedSchema = z.object({
  type: z.string(),
  path: filePath,
  size,
  oid: hex(40),
  lfs: z.object({ oid: hex(64), size }).optional(),
  xetHash: z.string().optional(),
});

export function listedFile({ path, size, oid, lfs, xetHash }: z.infer<typeof listedSchema>): ModelFile {
  return {
    ...{ path, xetHash, blobId: oid },
    size: lfs?.size ?? size,
    etag: lfs?.oid ?? oid,
    sha256: lfs?.oid,
  };
}

/** Never read here: other formats of the same weights. Some repositories hold several, of tens of gigabytes each. */
const OTHER_FORMATS = /\.(bin|ckpt|pt|pth|onnx|onnx_data|pb|msgpack|h5|tflite|ot|gguf|mlmodel|mlpackage|tar|zip)$/i;

/** False for what the pipeline never reads and is not small. */
export const isNeeded = ({ path }: { readonly path: string }): boolean => !OTHER_FORMATS.test(path);

/**
 * Chooses by patterns as Python's allow_patterns do: `*` stands for any characters, slashes too, `?` for one; a pattern that ends in a
 * slash means all below. Several patterns are alternatives.
 */
export function matchesAny(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => patternExpression(pattern).test(path));
}

function patternExpression(pattern: string): RegExp {
  const whole = pattern.endsWith('/') ? `${pattern}*` : pattern;
  const body = whole.replace(/[.*+?^${}()|[\]\\]/g, (sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`));
  return new RegExp(`^${body}$`, 's');
}
