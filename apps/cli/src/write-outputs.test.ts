import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { outputPaths } from './output-paths.ts';
import { checkWritable, type OutputDisk, writeOutputs } from './write-outputs.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-outputs-'));
});
afterEach(() => rm(folder, { recursive: true }));

const never = new AbortController().signal;
const bytes = (text: string) => new TextEncoder().encode(text);
const files = () => ['a.png', 'b.png'].map((name) => ({ path: join(folder, name), bytes: bytes(name) }));

/** Writes the first file half and then does what `fail` says. */
function diskThatFails(fail: () => void): OutputDisk {
  let writes = 0;
  return {
    async writeDurably(path) {
      await writeFile(path, 'half');
      if (++writes === 2) fail();
    },
  };
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

it('several results get a number before the extension', () => {
  expect(outputPaths('/x/out.tar.png', 1)).toEqual(['/x/out.tar.png']);
  expect(outputPaths('/x/out.tar.png', 2)).toEqual(['/x/out.tar-0.png', '/x/out.tar-1.png']);
});

it('writes all files and nothing else, over older ones', async () => {
  await writeFile(join(folder, 'a.png'), 'older');
  await writeOutputs(files(), never);
  expect(await readdir(folder)).toEqual(['a.png', 'b.png']);
  expect(await readFile(join(folder, 'a.png'), 'utf8')).toBe('a.png');
});

it.each([
  ['ENOSPC', 'disk_full'],
  ['EDQUOT', 'disk_full'],
  ['EROFS', 'output_unwritable'],
  ['EIO', 'output_unwritable'],
])('on %s no file is left and an older one is untouched', async (code, expected) => {
  await writeFile(join(folder, 'a.png'), 'older');
  const disk = diskThatFails(() => {
    throw systemError(code);
  });
  await expect(writeOutputs(files(), never, disk)).rejects.toMatchObject({ code: expected });
  expect(await readdir(folder)).toEqual(['a.png']);
  expect(await readFile(join(folder, 'a.png'), 'utf8')).toBe('older');
});

it('an abort while writing leaves no file', async () => {
  const abort = new AbortController();
  const disk = diskThatFails(() => abort.abort());
  await expect(writeOutputs(files(), abort.signal, disk)).rejects.toMatchObject({ code: 'canceled' });
  expect(await readdir(folder)).toEqual([]);
});

it('when one rename fails, the files renamed before are taken back', async () => {
  await mkdir(join(folder, 'b.png'));
  await expect(writeOutputs(files(), never)).rejects.toMatchObject({ code: 'output_unwritable' });
  expect(await readdir(folder)).toEqual(['b.png']);
});

it('a folder that is missing, is a file, or stands where the file should go is refused before the edit', async () => {
  await writeFile(join(folder, 'file'), '');
  for (const path of [join(folder, 'none', 'a.png'), join(folder, 'file', 'a.png')]) {
    await expect(checkWritable([path])).rejects.toMatchObject({ code: 'output_unwritable' });
  }
  await mkdir(join(folder, 'a.png'));
  await expect(checkWritable([join(folder, 'a.png')])).rejects.toMatchObject({ code: 'output_unwritable' });
  await checkWritable([join(folder, 'b.png')]);
  expect(await readdir(folder)).toEqual(['a.png', 'file']);
});
