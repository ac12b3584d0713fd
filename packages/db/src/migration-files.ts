import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';

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
  /** The `when` of the migration that a program must know to use the database after this one. undefined: none. */
  readonly needs: number | undefined;
}

export const migrationsFolder = join(import.meta.dirname, '../../../migrations');

const journalSchema = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) });
const BREAKPOINT = '--> statement-breakpoint';
/** In the file of a migration that older programs cannot live with: `-- needs programs that know 0007_name`. */
const NEEDS = /^-- needs programs that know (\w+)$/m;

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
  return {
    statements: text.split(BREAKPOINT).filter((statement) => statement.trim() !== ''),
    hash: createHash('sha256').update(text).digest('hex'),
    needs: needed?.when,
  };
}
