import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A text file of the repository. `path` is relative to the root and has forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** One place that breaks a rule. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const TEXT =
  /\.(ts|tsx|mts|mjs|cjs|js|json|jsonc|md|py|sh|sql|ya?ml|toml|txt|html|css)$|(^|\/)(\.npmrc|\.gitignore|\.gitattributes|\.dockerignore|Dockerfile)$|^\.ci\//;
const CODE = /\.(ts|tsx|mts|mjs|cjs|js)$/;
const HIDDEN_FOLDERS = new Set(['.ci', '.github']);
const SKIPPED_FOLDERS = new Set(['node_modules', 'demo-output', 'coverage', 'dist', '__pycache__']);
/** Planted violations break the rules on purpose. Vocabularies and goldens are data, which no person writes. */
const SKIPPED_PATHS =
  /^(test\/rules\/planted|test\/fixtures\/(checkpoints|goldens)|packages\/demo-model\/(processor|scheduler|text_encoder|tokenizer|transformer|vae)\/|test\/fixtures\/demo-model\/|package-lock\.json)/;

export const isCode = (path: string): boolean => CODE.test(path);
export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/');

/** Reads every text file under `root` that people write, ordered by path. */
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
    const hidden = entry.name.startsWith('.') && !HIDDEN_FOLDERS.has(entry.name);
    if (!entry.isDirectory() || hidden || SKIPPED_FOLDERS.has(entry.name)) return [];
    return listFiles(root, path);
  });
  return (await Promise.all(nested)).flat();
}

/** The line of an offset in a text, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
