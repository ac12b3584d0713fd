import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { takeLock } from './file-lock.ts';

const TIMING = { beatMs: 1000, deadMs: 60_000 };
const options = { timing: TIMING, signal: AbortSignal.timeout(600_000), onWait: () => undefined };
/** No process has this id: it is above what any system gives. */
const NO_PROCESS = 2 ** 30;

it('what a process that was killed has moved aside goes when the lock is taken next; what may be a living one’s stays', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'pull.lock');
  const lock = await takeLock(path, options);
  const mine = JSON.parse(await readFile(path, 'utf8')) as object;
  await lock.release();

  const aside = (name: string): string => `${path}.${name}.tmp`;
  await writeFile(aside('dead'), JSON.stringify({ ...mine, pid: NO_PROCESS, host: hostname() }));
  for (const name of ['elsewhere', 'silent', 'cut-off'])
    await writeFile(aside(name), name === 'cut-off' ? '' : JSON.stringify({ ...mine, host: 'another' }));
  const longAgo = new Date(Date.now() - 2 * TIMING.deadMs);
  for (const name of ['silent', 'cut-off']) await utimes(aside(name), longAgo, longAgo);
  await writeFile(join(folder, 'pull.lock.txt'), '');
  await writeFile(join(folder, 'other.lock.dead.tmp'), '');

  await (await takeLock(path, options)).release();
  expect((await readdir(folder)).sort()).toEqual(['other.lock.dead.tmp', 'pull.lock.elsewhere.tmp', 'pull.lock.txt']);
});
