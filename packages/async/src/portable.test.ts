import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('imports no module of Node, so that the page can use it', async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => !name.endsWith('.test.ts'));
  const sources = await Promise.all(files.map((name) => readFile(`${import.meta.dirname}/${name}`, 'utf8')));
  expect(files.filter((_, i) => /from 'node:/.test(sources[i] ?? ''))).toEqual([]);
  expect(files.length).toBeGreaterThan(4);
});
