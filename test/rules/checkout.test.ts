import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const git = (folder: string, ...args: string[]) =>
  run('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], { cwd: folder });

/** Bytes that git takes for text, although they are none. */
const LOOKS_LIKE_TEXT = 'one\ntwo\r\nthree\n';

it('a clone with core.autocrlf=true has no CR in its text files, and the same bytes in its binaries', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-checkout-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [origin, clone] = [join(folder, 'origin'), join(folder, 'clone')];
  await git(folder, 'init', '--quiet', origin);
  await cp(join(root, '.gitattributes'), join(origin, '.gitattributes'));
  const text = ['run.sh', '.ci', 'page.md', 'source.ts', 'data.json', 'table.sql', 'LICENSE'];
  const binary = ['picture.png', 'photo.jpg', 'weights.safetensors'];
  for (const name of text) await writeFile(join(origin, name), '#!/bin/sh\r\necho 1\n');
  for (const name of binary) await writeFile(join(origin, name), LOOKS_LIKE_TEXT);
  await git(origin, 'add', '--all');
  await git(origin, 'commit', '--quiet', '--message', 'all kinds of files');

  await git(folder, 'clone', '--quiet', '-c', 'core.autocrlf=true', '-c', 'core.eol=crlf', origin, clone);
  for (const name of text) expect(await readFile(join(clone, name), 'utf8'), name).toBe('#!/bin/sh\necho 1\n');
  for (const name of binary) expect(await readFile(join(clone, name), 'utf8'), name).toBe(LOOKS_LIKE_TEXT);
});

it('git knows of every tracked file whether it is text, and none has a CR', async () => {
  // Each line: i/EOL-in-index w/EOL-in-worktree attr/ATTRIBUTES <tab> path. Binaries have the attribute -text.
  const { stdout } = await git(root, 'ls-files', '--eol');
  const lines = stdout.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(500);
  const wrong = lines.filter(
    (line) => !/^i\/(lf|none) +w\/\S* +attr\/text=auto eol=lf|^i\/\S+ +w\/\S* +attr\/-text/.test(line),
  );
  expect(wrong).toEqual([]);
});
