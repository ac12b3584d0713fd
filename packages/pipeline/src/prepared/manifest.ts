import { z } from 'zod';

/** Raised when the layout of the files changes: those of another version are not read. */
export const LAYOUT_VERSION = 1;

const arraySchema = z.object({
  dtype: z.enum(['I8', 'U8', 'F32']),
  offset: z.int().min(0),
  byteLength: z.int().min(0),
  prepacked: z.object({ key: z.string(), offset: z.int().min(0), byteLength: z.int().min(0) }).optional(),
});

/** What lies in the file of a segment. It is written when that file is whole. */
export const segmentManifestSchema = z.object({
  segment: z.string(),
  /** Of the file with the arrays. */
  bytes: z.int().min(0),
  sha256: z.string(),
  /** Of some pages of it, which are read at each load. */
  sample: z.string(),
  layers: z.record(
    z.string(),
    z.object({ settings: z.record(z.string(), z.number()), arrays: z.record(z.string(), arraySchema) }),
  ),
});

export type SegmentManifest = z.infer<typeof segmentManifestSchema>;
export type ManifestArray = z.infer<typeof arraySchema>;

/** Whose weights a folder holds, and for what. */
export const descriptionSchema = z.object({
  model: z.string(),
  digest: z.string(),
  /** Real path of the model's folder, by which `model remove` finds what was made of it. */
  source: z.string(),
  precision: z.string(),
  processor: z.string(),
  runtime: z.string(),
});

export type Description = z.infer<typeof descriptionSchema>;

export const DESCRIPTION_FILE = 'prepared.json';
/** Files that are being written end so. */
export const UNFINISHED = '.tmp';
