import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type MigrationPhase, phaseOf } from './migration-phase.ts';

/** A migration as it lies in the folder of migrations. */
export interface Migration {
  /** The name of its file, without the ending. */
  readonly tag: string;
  /** When it was made, in milliseconds: its place in the order, and its name in the database. */
  readonly when: number;
}

/** What is needed to apply one. */
export interface MigrationContent {
  readonly statements: readonly string[];
  readonly hash: string;
  /** Hashes that the same file has with the line ends of another system. */
  readonly hashes: readonly string[];
  /** The `when` of the migration that a program must know to use the database after this one. undefined: none. */
  readonly needs: number | undefined;
  /** Its statements run one by one, outside of a transaction, as CREATE INDEX CONCURRENTLY has to. */
  readonly concurrently: boolean;
  readonly phase: MigrationPhase;
}

export const migrationsFolder: string = join(import.meta.dirname, '../../../../migrations');

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) });
const BREAKPOINT = '--> statement-breakpoint';
/** In the file of a migration that older programs cannot live with: `-- needs programs that know 0007_name`. */
const NEEDS = /^-- needs programs that know (\w+)\s*$/m;
/** In the file of a migration whose indexes are built and dropped while the table is written. */
const CONCURRENTLY = /^-- concurrently\s*$/m;
const COMMENTS = /^\s*--.*$/gm;

/** The migrations of this program, oldest first, as drizzle-kit lists them. */
export async function listMigrations(folder = migrationsFolder): Promise<readonly Migration[]> {
  const { entries } = journalSchema.parse(JSON.parse(await readFile(join(folder, 'meta/_journal.json'), 'utf8')));
  return entries.map(({ when, tag }) => ({ when, tag }));
}

/** Reads a migration. The hash is drizzle's, so that its own tools understand the table. */
export async function readMigration(
  { tag }: Migration,
  all: readonly Migration[],
  folder = migrationsFolder,
): Promise<MigrationContent> {
  const text = await readFile(join(folder, `${tag}.sql`), 'utf8');
  const [, known] = NEEDS.exec(text) ?? [];
  const needed = all.find((each) => each.tag === known);
  if (known !== undefined && needed === undefined) {
    throw new AppError('internal', `The migration ${tag} names ${known}, which is none.`);
  }
  // A comment alone is no statement; the server would be asked to run nothing.
  const statements = text.split(BREAKPOINT).filter((statement) => statement.replace(COMMENTS, '').trim() !== '');
  const concurrently = CONCURRENTLY.test(text);
  for (const statement of statements) if (concurrently) concurrentIndexOf(tag, statement);
  const unix = text.replaceAll('\r\n', '\n');
  return {
    statements,
    hash: hashOf(text),
    hashes: [...new Set([text, unix, unix.replaceAll('\n', '\r\n')])].map(hashOf),
    needs: needed?.when,
    concurrently,
    phase: phaseOf(statements, needed !== undefined),
  };
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A statement of a migration that is marked `-- concurrently`. */
export interface ConcurrentIndex {
  readonly action: 'create' | 'drop';
  readonly index: string;
}

const CREATE = /^create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?"?(\w+)"?\s+on\s/i;
const DROP = /^drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?"?(\w+)"?/i;

/** Which index a concurrent statement is about. Throws AppError `internal` for another one: it could not be continued after a kill. */
export function concurrentIndexOf(tag: string, statement: string): ConcurrentIndex {
  const text = statement.replace(COMMENTS, '').trim();
  const [, created] = CREATE.exec(text) ?? [];
  if (created !== undefined) return { action: 'create', index: created };
  const [, dropped] = DROP.exec(text) ?? [];
  if (dropped !== undefined) return { action: 'drop', index: dropped };
  throw new AppError('internal', `The migration ${tag} is marked -- concurrently, and has another statement: ${text}`);
}
