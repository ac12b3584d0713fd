import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { checkOutputName, outputFileName, writeOutputFile } from './output-files.ts';

it.each(['a', 'a.png', 'edited photo-2.PNG', '夜景.webp', '_x', '1'])('%j names a file', (name) => {
  expect(() => checkOutputName(name)).not.toThrow();
});

it.each(['', '.', '..', '.a', 'a.', ' a', 'a ', '-a', 'a/b', 'a\\b', 'a:b', 'a\0', 'a\nb', '~', 'a*', '夜'.repeat(70)])(
  '%j does not',
  (name) => {
    expect(() => checkOutputName(name)).toThrowError(expect.objectContaining({ code: 'invalid_parameter' }));
  },
);

it.each([
  ['a', 0, 'image/png', 'a.png'],
  ['a.PNG', 0, 'image/png', 'a.PNG'],
  ['a.png', 1, 'image/png', 'a-2.png'],
  ['a.png', 0, 'image/jpeg', 'a.png.jpg'],
  ['a.jpeg', 2, 'image/jpeg', 'a-3.jpeg'],
  ['a.b', 0, 'image/webp', 'a.b.webp'],
])('%s, result %d of type %s is %s', (name, index, type, wanted) => {
  expect(outputFileName(name, index, type)).toBe(wanted);
});

it('a file is written whole, in place of another, and nothing else is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-output-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'a.png'), 'old and longer');
  expect(await writeOutputFile(folder, 'a.png', Buffer.from('new'))).toBe(join(folder, 'a.png'));
  expect(await readFile(join(folder, 'a.png'), 'utf8')).toBe('new');
  await expect(writeOutputFile(join(folder, 'a.png'), 'b.png', Buffer.from('x'))).rejects.toMatchObject({
    code: 'output_unwritable',
  });
  expect(await readdir(folder)).toEqual(['a.png']);
});
