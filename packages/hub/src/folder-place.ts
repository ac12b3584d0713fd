import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { isContentOf } from './digest.ts';
import type { ModelFile } from './model-files.ts';
import { isCommit, type ModelRef } from './model-ref.ts';
import { INDEX_FILE, type ModelPlace } from './place.ts';
import { replaceText } from './temporary-name.ts';

const recordSchema = z.object({ repo: z.string(), revision: z.string(), commit: z.string() });

/** What was last downloaded into a folder, or began to be. */
export type FolderRecord = z.infer<typeof recordSchema>;

/** The folder in which huggingface_hub keeps its notes about a `local_dir`. */
export const folderNotes = (localDir: string): string => join(localDir, '.cache', 'huggingface');
const recordPath = (localDir: string): string => join(folderNotes(localDir), 'qwen-edit.json');
export const folderLock = (localDir: string): string => join(folderNotes(localDir), 'qwen-edit-pull.lock');

/** undefined if the folder was filled by hand or by Python. */
export async function readFolderRecord(localDir: string): Promise<FolderRecord | undefined> {
  const text = await readFile(recordPath(localDir), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The model that was last downloaded into a folder, or began to be; undefined if it was filled by hand or by Python. */
export async function modelOfFolder(localDir: string): Promise<string | undefined> {
  return (await readFolderRecord(localDir))?.repo;
}

/** The commit of which a folder's files are, as this program or huggingface_hub noted it. */
export async function folderCommit(localDir: string): Promise<string> {
  const record = await readFolderRecord(localDir);
  if (record !== undefined) return record.commit;
  const note = join(folderNotes(localDir), 'download', `${INDEX_FILE}.metadata`);
  const [commit = ''] = (await readFile(note, 'utf8').catch(() => '')).split('\n');
  return isCommit(commit) ? commit : 'unknown';
}

/**
 * A folder of plain files, as huggingface_hub's `local_dir`: notes of what was downloaded lie in `.cache/huggingface` inside. A file
 * that is there already counts if its content is right, whoever put it there. `model_index.json` is missing while others are.
 */
export function folderPlace(localDir: string, ref: ModelRef, commit: string, files: readonly ModelFile[]): ModelPlace {
  const index = files.find(({ path }) => path === INDEX_FILE);
  const bookkeeping = folderNotes(localDir);
  const notePath = (path: string): string => join(bookkeeping, 'download', `${path}.metadata`);
  const placeOf = ({ path }: ModelFile): string => join(localDir, path);
  const partialOf = (file: ModelFile): string => {
    const note = notePath(file.path);
    return join(dirname(note), `${shortHash(basename(note))}.${file.etag}.incomplete`);
  };
  const note = async ({ path, etag }: ModelFile): Promise<void> => {
    await mkdir(dirname(notePath(path)), { recursive: true });
    await replaceText(notePath(path), `${commit}\n${etag}\n${Date.now() / 1000}\n`);
  };
  const keep = async (file: ModelFile): Promise<void> => {
    await mkdir(dirname(placeOf(file)), { recursive: true });
    await rename(partialOf(file), placeOf(file));
    await note(file);
  };

  return {
    ...{ dir: localDir, root: localDir, bookkeeping, partialOf },
    has,
    async begin() {
      await mkdir(join(bookkeeping, 'download'), { recursive: true });
      await writeFile(join(bookkeeping, '.gitignore'), '*');
      await replaceText(recordPath(localDir), JSON.stringify({ ...ref, commit }));
      if (index === undefined) return;
      // Between two versions of a model the folder is none.
      if (await isContentOf(placeOf(index), index)) await rename(placeOf(index), partialOf(index));
      else await rm(placeOf(index), { force: true });
    },
    keep: async (file) => (file.path === INDEX_FILE ? undefined : keep(file)),
    async finish(_, leftOut) {
      if (index === undefined || (await anyStale(leftOut))) return;
      if (await isContentOf(partialOf(index), index)) await keep(index);
      await replaceText(recordPath(localDir), JSON.stringify({ ...ref, commit }));
    },
  };

  async function has(file: ModelFile, signal?: AbortSignal): Promise<boolean> {
    const found = await stat(placeOf(file)).catch(() => undefined);
    if (found?.size !== file.size) return file.path === INDEX_FILE && isContentOf(partialOf(file), file, signal);
    const [, etag, seconds] = (await readFile(notePath(file.path), 'utf8').catch(() => '')).split('\n');
    // As huggingface_hub does: a file that was changed after its note is looked at again.
    if (etag === file.etag && found.mtimeMs / 1000 - 1 <= Number(seconds)) return true;
    if (!(await isContentOf(placeOf(file), file, signal))) return false;
    await note(file);
    return true;
  }

  /** Files of another commit make no model together with those of this one. */
  async function anyStale(files: readonly ModelFile[]): Promise<boolean> {
    for (const file of files)
      if ((await stat(placeOf(file)).catch(() => undefined)) !== undefined && !(await has(file))) return true;
    return false;
  }
}

/** Source: _short_hash of huggingface_hub/_local_folder.py. */
function shortHash(name: string): string {
  const text = createHash('sha1').update(name).digest('base64');
  return text.replaceAll('+', '-').replaceAll('/', '_');
}
