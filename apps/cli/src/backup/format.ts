import { z } from 'zod';

/**
 * A backup is one tar file, which `tar` and `sha256sum --check` read too. Its members, in this order:
 *
 * - `backup.json`: the head below
 * - `tables/NAME/NUMBER.ndjson`: rows, each a line of JSON; tables in the order in which they are restored
 * - `signing-secret`
 * - `objects/KEY`: pictures
 * - `checksums/NUMBER.sha256`, again and again: the SHA-256 of each member since the last one, as sha256sum writes them
 * - `manifest.json`: the end below, which only a whole backup has
 */
export const FORMAT = 1;

export const HEAD = 'backup.json';
export const SECRET = 'signing-secret';
export const BACKUP_MANIFEST = 'manifest.json';
export const TABLES = 'tables/';
export const OBJECTS = 'objects/';
export const CHECKSUMS = 'checksums/';

const count = z.int().nonnegative();

/** What of the head every later format will keep, so that an older program can say what it cannot read. */
export const anyHeadSchema = z.object({
  format: z.int().positive(),
  /** Of the program that made the backup. */
  version: z.string(),
  /** The newest migration of the database. */
  schema: z.string(),
});

export const headSchema = anyHeadSchema.extend({
  created_at: z.iso.datetime(),
  server_version: z.string(),
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()) })),
  /** What the database and the pictures took, to know in time whether a disk has room for them. */
  table_bytes: count,
  object_bytes: count,
});
export type BackupHead = z.infer<typeof headSchema>;

const keptOut = z.object({
  count,
  /** The first of them. */
  keys: z.array(z.string()),
});

export const manifestSchema = z.object({
  rows: z.record(z.string(), count),
  objects: count,
  object_bytes: count,
  /** Pictures whose rows are in the backup, and which were deleted while it was made. */
  deleted_meanwhile: keptOut,
  /** Pictures whose rows are in the backup, and which the storage did not have. */
  missing: keptOut,
  /** Pictures that are in the backup, and are not what their rows say. */
  changed: keptOut,
  /** SHA-256 over the texts of all `checksums/` members. */
  checksums: z.string(),
});
export type BackupManifest = z.infer<typeof manifestSchema>;
