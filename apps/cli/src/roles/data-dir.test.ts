import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readSigningSecret } from './data-dir.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('who starts at once agrees on one secret and keeps it, also with one process id in several containers', async () => {
  const dataDir = join(folder, 'new');
  const secrets = await Promise.all(Array.from({ length: 5 }, () => readSigningSecret(dataDir)));
  expect(new Set(secrets).size).toBe(1);
  expect(await readSigningSecret(dataDir)).toBe(secrets[0]);
});

it('a data folder that cannot be used is named, with what to do', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(readSigningSecret(join(file, 'below'))).rejects.toMatchObject({
    code: 'output_unwritable',
    message: expect.stringContaining(`The data folder ${join(file, 'below')} cannot be used`),
    hint: expect.stringContaining('QWEN_EDIT_DATA_DIR'),
  });
});
