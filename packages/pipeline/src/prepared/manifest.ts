import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Raised when the layout of the files changes: those of another version are not read. */
export const LAYOUT_VERSION = 2;

const arraySchema = z.object({
  dtype: z.enum(['I8', 'U8', 'F32']),
  offset: z.int().min(0),
  byteLength: z.int().min(0),
  prepacked: z.object({ key: z.string(), offset: z.int().min(0), byteLength: z.int().min(0) }).optional(),
});

/** What lies in the file of a segment. It is written when that file is whole. */
const segmentManifestSchema = z.object({
  segment: z.string(),
  /** Of the file with the arrays. */
  bytes: z.int().min(0),
  sha256: z.string(),
  /** Of some pages of it, which are read at each load. */
  sample: z.string(),
  /** Of the checkpoint's weights that it was made of: see sourceDigest. */
  source: z.string(),
  layers: z.record(z.string(), z.record(z.string(), arraySchema)),
});

export type SegmentManifest = z.infer<typeof segmentManifestSchema>;
export type ManifestArray = z.infer<typeof arraySchema>;

/** A wrong offset would make a wrong picture, and nothing else would tell it. */
const fileSchema = z.object({ digest: z.string(), manifest: segmentManifestSchema });

const digestOf = (manifest: SegmentManifest): string =>
  createHash('sha256').update(JSON.stringify(manifest)).digest('hex');

export function manifestText(manifest: SegmentManifest): string {
  return JSON.stringify({ digest: digestOf(manifest), manifest });
}

/** The manifest of a segment; undefined if there is none, or one that is damaged or another's. */
export async function readManifest(folder: string, segment: string): Promise<SegmentManifest | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(join(folder, `${segment}${MANIFEST}`), 'utf8'));
    const { digest, manifest } = fileSchema.parse(json);
    return manifest.segment === segment && digest === digestOf(manifest) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Whose weights a folder holds, and for what. */
const descriptionSchema = z.object({
  model: z.string(),
  digest: z.string(),
  /** Of the model without the LoRAs that are merged into these weights, and what these are called; absent without LoRAs. */
  base: z.string().optional(),
  loras: z.array(z.string()).optional(),
  /** Real path of the model's folder, by which `model remove` finds what was made of it. */
  source: z.string(),
  precision: z.string(),
  processor: z.string(),
  runtime: z.string(),
  /** So many are there when all is made. */
  segments: z.int().min(0),
});

export type Description = z.infer<typeof descriptionSchema>;

/** What a folder says of itself; undefined if it holds no prepared weights. */
export async function readDescription(folder: string): Promise<Description | undefined> {
  try {
    return descriptionSchema.parse(JSON.parse(await readFile(join(folder, DESCRIPTION_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

export const DESCRIPTION_FILE = 'prepared.json';
export const LOCK_FILE = 'lock';
/** How the files of a segment end: its arrays, and what lies where in them. */
export const ARRAYS = '.bin';
export const MANIFEST = '.manifest.json';
/** Names of files that are being written hold this. */
export const UNFINISHED_MARK = '.tmp';
