import { chmod, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeFolder } from './closed-folder.ts';
import { createFileStore } from './file-store.ts';

let top: string;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'qwen-edit-closed-'));
});
afterEach(() => rm(top, { recursive: true }));

const modeOf = async (...names: string[]): Promise<string> =>
  ((await lstat(join(top, ...names))).mode & 0o7777).toString(8);
const PNG = { mediaType: 'image/png' };

async function madeWith(mode: number): Promise<string> {
  const path = join(top, 'folder');
  await mkdir(path);
  await chmod(path, mode);
  return path;
}

it.skipIf(process.platform === 'win32').each([
  ['755', '700', 'closed'],
  ['777', '700', 'closed'],
  ['750', '700', 'closed'],
  ['770', '700', 'closed'],
  ['700', '700', 'was closed'],
  // The user of an embedded PostgreSQL passes it.
  ['710', '710', 'was closed'],
  // A group that shares it on purpose.
  ['2775', '2770', 'closed'],
  ['2770', '2770', 'was closed'],
  // Everybody's, as /tmp.
  ['1777', '1777', 'open'],
])('a folder of mode %s is left with %s: %s', async (before, after, state) => {
  const path = await madeWith(Number.parseInt(before, 8));
  expect(await closeFolder(path)).toBe(state);
  expect(await modeOf('folder')).toBe(after);
});

describe.skipIf(process.platform === 'win32')('stored pictures', () => {
  it('and all folders of them are closed to other users, whatever the umask and however open their folder was', async () => {
    const folder = await madeWith(0o777);
    const umask = process.umask(0);
    try {
      const store = createFileStore({ folder });
      await store.put('inputs/a/b', new Uint8Array(3), PNG);
      await rm(join(folder, '~tmp'), { recursive: true });
      await store.put('c', new Uint8Array(3), PNG);
    } finally {
      process.umask(umask);
    }
    for (const each of [[], ['inputs'], ['inputs', 'a'], ['~tmp']]) expect(await modeOf('folder', ...each)).toBe('700');
    for (const each of [['inputs', 'a', 'b'], ['c']]) expect(await modeOf('folder', ...each)).toBe('600');
    expect(await readdir(join(folder, '~tmp'))).toEqual([]);
  });

  it('are open to the group of a folder that a group shares', async () => {
    const folder = await madeWith(0o2775);
    const umask = process.umask(0);
    try {
      await createFileStore({ folder }).put('inputs/a', new Uint8Array(3), PNG);
    } finally {
      process.umask(umask);
    }
    expect(await modeOf('folder')).toBe('2770');
    expect(await modeOf('folder', 'inputs')).toMatch(/^2?770$/);
    expect(await modeOf('folder', 'inputs', 'a')).toBe('660');
  });
});
