import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { brokenLinks, docLinks } from './broken-links.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-links-'));
  await mkdir(join(root, 'docs'));
  await writeFile(join(root, 'docs/b.md'), '# The `b` of *all*\n## Two\n## Two\n## 负面 提示\n');
});
afterEach(() => rm(root, { recursive: true }));

const brokenIn = async (text: string) => {
  await writeFile(join(root, 'a.md'), text);
  return brokenLinks(root);
};

it('links to files, folders and headings that are there are whole', async () => {
  const text =
    '# A b\n[x](docs/b.md) [y](docs/b.md#the-b-of-all) [z](#a-b) [v](docs) [w](docs/b.md#two-1) [u](docs/b.md#负面-提示)';
  expect(await brokenIn(text)).toEqual([]);
});

it('links to what is not there are told, with their line', async () => {
  expect(await brokenIn('one\n[x](docs/c.md)\n[y](docs/b.md#three) and [z](#none)\n[o](../x.md)')).toEqual([
    'a.md:2 links to docs/c.md, which is not there.',
    'a.md:3 links to docs/b.md#three, and docs/b.md has no such heading.',
    'a.md:3 links to #none, and a.md has no such heading.',
    'a.md:4 links to ../x.md, which is outside.',
  ]);
});

it('what stands in code is no link, and addresses are left to those who ask outside', async () => {
  expect(await brokenIn('`[x](none.md)`\n```\n[x](none.md)\n```\n[y](https://example.org/)')).toEqual([]);
  expect((await docLinks(root)).map(({ target }) => target)).toEqual(['https://example.org/']);
});
