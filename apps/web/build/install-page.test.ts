import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { filesOf, installPage } from './install-page.ts';
import { builtDigest } from './page-digest.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-install-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A fresh build of one part below `to`, where it has to lie. */
async function build(to: string, part: string): Promise<string> {
  const from = await mkdtemp(join(to, '.building-'));
  const files = { 'index.html': `<script src="/assets/${part}">`, [`assets/${part}`]: part, 'assets/same.css': 'same' };
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(from, file)), { recursive: true });
    await writeFile(join(from, file), text);
  }
  return from;
}

it('a new page takes the place of another; parts of the old one stay for those who have it open, for a day', async () => {
  const to = await emptyFolder();
  await installPage(await build(to, 'old.js'), to, 'digest 1');
  await installPage(await build(to, 'new.js'), to, 'digest 2');
  expect(await readFile(join(to, 'index.html'), 'utf8')).toContain('new.js');
  expect(await builtDigest(to)).toBe('digest 2');
  expect((await filesOf(to, 'assets')).toSorted()).toEqual(['assets/new.js', 'assets/old.js', 'assets/same.css']);

  const yesterday = new Date(Date.now() - 25 * 3600_000);
  for (const part of ['old.js', 'same.css']) await utimes(join(to, 'assets', part), yesterday, yesterday);
  await installPage(await build(to, 'new.js'), to, 'digest 2');
  expect((await filesOf(to, 'assets')).toSorted()).toEqual(['assets/new.js', 'assets/same.css']);
});

it('whoever reads meanwhile finds a whole page, whose parts are there, also while two are installed at once', async () => {
  const to = await emptyFolder();
  await installPage(await build(to, '0.js'), to, '0');
  let done = false;
  const install = async (): Promise<void> => {
    for (let n = 1; n <= 20; n++) await installPage(await build(to, `${n}.js`), to, String(n));
  };
  const installing = Promise.all([install(), install()]).finally(() => {
    done = true;
  });
  let reads = 0;
  for (; !done; reads++) {
    const page = await readFile(join(to, 'index.html'), 'utf8');
    const part = /\/assets\/(\d+\.js)/.exec(page)?.[1] ?? 'none';
    expect(await readFile(join(to, 'assets', part), 'utf8')).toBe(part);
  }
  await installing;
  expect(reads).toBeGreaterThan(10);
  expect(await builtDigest(to)).toBe('20');
});
