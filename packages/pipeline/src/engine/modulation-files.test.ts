import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openModulations, scheduleName, writeModulations } from './modulation-files.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-modulations-'));
});
afterEach(() => rm(folder, { recursive: true }));

const rows = { shared: Float32Array.of(1, 2), steps: [Float32Array.of(3, 4, 5), Float32Array.of(6, 7, 8)] };

it('a schedule is found again, row by row, and nothing else is left in the folder', async () => {
  const name = scheduleName([1, 0.5, 0]);
  await writeModulations(folder, name, rows);
  const found = await openModulations(folder, name);
  expect(found?.shared).toEqual(rows.shared);
  expect(await found?.step(1)).toEqual(rows.steps[1]);
  expect(await found?.step(0)).toEqual(rows.steps[0]);
  expect((await readdir(folder)).toSorted()).toEqual([`${name}.f32`, `${name}.json`]);
});

it('other timesteps have files of their own', () => {
  expect(scheduleName([1, 0.5])).not.toBe(scheduleName([1, 0.25]));
});

it('files that are cut off, changed or without their manifest count as none', async () => {
  const name = scheduleName([1]);
  await writeModulations(folder, name, rows);
  const path = join(folder, `${name}.f32`);
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, -4));
  expect(await openModulations(folder, name)).toBeUndefined();
  await writeFile(
    path,
    whole.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
  );
  expect(await openModulations(folder, name)).toBeUndefined();
  await writeFile(path, whole);
  expect(await openModulations(folder, name)).toBeDefined();
  await rm(join(folder, `${name}.json`));
  expect(await openModulations(folder, name)).toBeUndefined();
});
