import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeToOthers, readSigningSecret } from './data-dir.ts';

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

it.skipIf(process.platform === 'win32')(
  'a data folder that exists and is open is closed at the start, and the log says so',
  async () => {
    const dataDir = join(folder, 'open');
    await mkdir(dataDir);
    await chmod(dataDir, 0o755);
    expect(await closeToOthers(dataDir, 'QWEN_EDIT_DATA_DIR')).toContain(`${dataDir} of QWEN_EDIT_DATA_DIR was open`);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect(await closeToOthers(dataDir, 'QWEN_EDIT_DATA_DIR')).toBeUndefined();
    expect(await closeToOthers(join(folder, 'missing'), 'QWEN_EDIT_DATA_DIR')).toBeUndefined();
  },
);
