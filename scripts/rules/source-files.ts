import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A text file of the repository; `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A broken rule at one place. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const TEXT =
  /\.(ts|tsx|mts|mjs|cjs|js|json|jsonc|md|py|sh|sql|ya?ml|toml|txt|html|css)$|(^|\/)\.(npmrc|gitignore)$|^\.ci\//;
const CODE = /\.(ts|tsx|mts|mjs|cjs|js)$/;
const SKIPPED_FOLDERS = new Set(['node_modules', 'demo-output', 'coverage', 'dist', '__pycache__']);
/** Planted violations break the rules on purpose; vocabularies and goldens are data, not text of ours. */
const SKIPPED_PATHS =
  /^(test\/rules\/planted|test\/fixtures\/(checkpoints|goldens)|packages\/demo-model\/(processor|scheduler|text_encoder|tokenizer|transformer|vae)\/|test\/fixtures\/demo-model\/|package-lock\.json)/;

export const isCode = (path: string): boolean => CODE.test(path);
export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/');

/** Reads every text file under `root` that people write. */
export async function readSourceFiles(root: string): Promise<SourceFile[]> {
  const paths = await listFiles(root, '');
  const texts = paths.filter((path) => TEXT.test(path) && !SKIPPED_PATHS.test(path)).sort();
  return Promise.all(texts.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })));
}

async function listFiles(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const nested = entries.map(async (entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isFile()) return [path];
    const hidden = entry.name.startsWith('.') && entry.name !== '.ci';
    if (!entry.isDirectory() || hidden || SKIPPED_FOLDERS.has(entry.name)) return [];
    return listFiles(root, path);
  });
  return (await Promise.all(nested)).flat();
}

/** 1-based line of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
