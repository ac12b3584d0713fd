import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runInfraTool, toolSuites } from './tools.ts';

const FOLDER = join(import.meta.dirname, '../../.github/workflows');

describe.each(await toolSuites(['actionlint'], ['actionlint']))('the workflows, read by %s', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qwen-edit-workflows-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('it finds nothing wrong with any of them', async () => {
    const files = (await readdir(FOLDER)).map((name) => join(FOLDER, name));
    expect(files.length).toBeGreaterThan(3);
    expect(await runInfraTool('actionlint', files, join(FOLDER, '../..'))).toBe('');
  });

  it.each([
    [
      'a step that a job does not have',
      'steps.check.outputs.version }}',
      'steps.chek.outputs.version }}',
      /"chek" is not defined/,
    ],
    ['a permission that there is not', 'contents: write', 'content: write', /unknown permission scope "content"/],
    ['a runner that there is not', 'ubuntu-24.04', 'ubuntu-42.04', /label "ubuntu-42.04" is unknown/],
  ])('it finds %s', async (_, right, wrong, says) => {
    const source = await readFile(join(FOLDER, 'release.yml'), 'utf8');
    expect(source).toContain(right);
    const file = join(folder, 'release.yml');
    // Workflows beside it are looked for from the root of a repository, of which this one is in none.
    await writeFile(file, source.replaceAll(right, wrong));
    await expect(runInfraTool('actionlint', ['-no-color', file], folder)).rejects.toMatchObject({
      stdout: expect.stringMatching(says),
    });
  });
});
