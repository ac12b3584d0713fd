import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { filesOf } from './install-page.ts';

const TEXT = /\.(js|css|svg|json|wasm)$/;
const METHODS = { br: promisify(brotliCompress), gz: promisify(gzip) } as const;

/** Writes a compressed copy beside each part of a page that gets smaller by it, as `NAME.br` and `NAME.gz`. */
export async function compressFiles(folder: string): Promise<void> {
  const files = (await filesOf(folder)).filter((file) => TEXT.test(file));
  for (const path of files.map((file) => join(folder, file))) {
    const content = await readFile(path);
    for (const [ending, compress] of Object.entries(METHODS)) {
      const smaller = await compress(content);
      if (smaller.length < content.length) await writeFile(`${path}.${ending}`, smaller);
    }
  }
}
