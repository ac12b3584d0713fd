import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import journal from '../../migrations/meta/_journal.json' with { type: 'json' };

const OURS = join(import.meta.dirname, '../../migrations');
/** Later than any real migration will be for a long time. */
const LATER = 9_000_000_000_000;

export interface FolderOptions {
  /** The last of this program's migrations that is in it; by default all are. '' for none. */
  readonly until?: string;
  /** Migrations of a later version, after those: the text of each by its name. */
  readonly later?: Readonly<Record<string, string>>;
}

/** A folder of migrations: this program's, and those of a version that there is not yet. Gone after the test. */
export async function migrationFolder(options: FolderOptions = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-migrations-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await fillMigrationFolder(folder, options);
  return folder;
}

/** The same in a folder that is there; a migration that was in it may get another text. */
export async function fillMigrationFolder(folder: string, { until, later = {} }: FolderOptions): Promise<void> {
  await cp(OURS, folder, { recursive: true });
  const mine = journal.entries.filter(({ tag }) => until === undefined || tag <= until);
  const more = Object.keys(later).map((tag, n) => ({ when: LATER + n, tag }));
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ entries: [...mine, ...more] }));
  for (const [tag, text] of Object.entries(later)) await writeFile(join(folder, `${tag}.sql`), text);
}

/** The names of this program's migrations, oldest first. */
export const MIGRATIONS: readonly string[] = journal.entries.map(({ tag }) => tag);

/** The text of one of this program's migrations. */
export const migrationText = (tag: string): Promise<string> => readFile(join(OURS, `${tag}.sql`), 'utf8');
