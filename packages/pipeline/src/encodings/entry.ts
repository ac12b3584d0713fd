import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { FloatArray } from '../arrays.ts';

const MAGIC = 'qwen-edit encoding 1';
const NEWLINE = 10;

const factsSchema = z.object({ magic: z.literal(MAGIC), key: z.string(), dims: z.array(z.int().min(0)) });
const headerSchema = z.object({ facts: factsSchema, sha256: z.string() });

/** The parts of a file: a JSON header, which has the hash of its facts and of the values, a newline, and the values as little-endian fp32. */
export function writeEntry(key: string, { data, dims }: FloatArray): readonly Uint8Array[] {
  const facts = { magic: MAGIC, key, dims };
  const body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [Buffer.from(`${JSON.stringify({ facts, sha256: sha256(facts, body) })}\n`), body];
}

/** The array that a file with this key holds; undefined if it is cut off, damaged, of another key or of another version. */
export function readEntry(key: string, bytes: Uint8Array): FloatArray | undefined {
  const end = bytes.indexOf(NEWLINE);
  const header = headerSchema.safeParse(parse(Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString('utf8')));
  if (!header.success) return undefined;
  const { facts, sha256: promised } = header.data;
  // A copy, so that the floats begin where floats may begin.
  const body = new Uint8Array(bytes.subarray(end + 1));
  const length = facts.dims.reduce((product, each) => product * each, 1);
  if (facts.key !== key || body.length !== 4 * length || sha256(facts, body) !== promised) return undefined;
  return { data: new Float32Array(body.buffer, 0, length), dims: facts.dims };
}

function sha256(facts: object, body: Uint8Array): string {
  return createHash('sha256')
    .update(`${JSON.stringify(facts)}\n`)
    .update(body)
    .digest('hex');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
