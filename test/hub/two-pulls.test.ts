import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { listModels, removeModel } from '@qwen-edit/hub';
import { expect, it } from 'vitest';
import { contentOf, wholeContent } from './folders.ts';
import { errorOf, type HubHarness, QUICK, SHARD, startHarness } from './harness.ts';
import { lfsIdOf } from './hub-server.ts';

const PROGRAM = join(import.meta.dirname, 'pull-program.ts');
const signal = AbortSignal.timeout(600_000);

function startPull({ hub, settings }: HubHarness) {
  const child = spawn(process.execPath, [PROGRAM, hub.endpoint, settings.cacheDir, 'Qwen/Small'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return { child, ended: once(child, 'close'), said: () => said };
}

it('of two downloads at once one waits, says so, and finds all whole', async () => {
  const harness = await startHarness();
  const { hub, files, settings } = harness;
  const held = hub.holdAfter(40_000);
  const first = startPull(harness);
  await held;
  const second = startPull(harness);
  await once(second.child.stdout, 'data');
  expect(second.said()).toContain('waiting');
  expect((await listModels(settings)).map(({ downloading }) => downloading)).toEqual([true]);
  expect(await errorOf(removeModel({ repo: 'Qwen/Small' }, settings, { signal }))).toMatchObject({
    code: 'model_busy',
  });
  hub.goOn();
  expect([await first.ended, await second.ended]).toEqual([
    [0, null],
    [0, null],
  ]);
  const dir = second.said().trim().split('\n').at(-1) ?? '';
  expect(await contentOf(dir)).toEqual(wholeContent(files));
  const digest = lfsIdOf(files[SHARD] ?? Buffer.alloc(0));
  expect(hub.requests.filter(({ host, url }) => host === 'cdn' && url.includes(digest))).toHaveLength(1);
});

it('a holder that is killed frees the lock at once, and who waited goes on where it was', async () => {
  const harness = await startHarness();
  const { hub, files } = harness;
  const held = hub.holdAfter(40_000);
  const first = startPull(harness);
  await held;
  const second = startPull(harness);
  await once(second.child.stdout, 'data');
  first.child.kill('SIGKILL');
  await first.ended;
  hub.goOn();
  expect(await second.ended).toEqual([0, null]);
  expect(await contentOf(second.said().trim().split('\n').at(-1) ?? '')).toEqual(wholeContent(files));
});

it('a holder in another container counts as dead when it shows no sign of life, not before', async () => {
  const { pull, settings } = await startHarness();
  const folder = join(settings.cacheDir, '.locks/models--Qwen--Small');
  await mkdir(folder, { recursive: true });
  // Of a process id that lives here: it says nothing about another container.
  const holder = { token: 'theirs', pid: process.pid, host: hostname(), processes: 'pid:[another]' };
  await writeFile(join(folder, 'qwen-edit-pull.lock'), JSON.stringify(holder));
  const phases: string[] = [];
  const begun = performance.now();
  await pull({ onProgress: ({ phase }) => phases.push(phase) });
  expect(phases[0]).toBe('waiting');
  expect(performance.now() - begun).toBeGreaterThan(1000);
});

it('a holder with our own process id, of before a container started again, is dead at once', async () => {
  const { pull, settings } = await startHarness();
  const folder = join(settings.cacheDir, '.locks/models--Qwen--Small');
  await mkdir(folder, { recursive: true });
  const processes = await readlink('/proc/self/ns/pid').catch(() => 'machine');
  const holder = { token: 'former', pid: process.pid, host: hostname(), processes };
  await writeFile(join(folder, 'qwen-edit-pull.lock'), JSON.stringify(holder));
  await pull({ timing: { ...QUICK, deadMs: 1e9 } });
});

it('two downloads in one process wait for each other', async () => {
  const { hub, pull } = await startHarness();
  const [one, two] = await Promise.all([pull(), pull()]);
  expect(one.dir).toBe(two.dir);
  expect([one.verified, two.verified].sort((a, b) => a - b)).toEqual([0, 12]);
  expect(hub.requests.filter(({ host }) => host === 'cdn')).toHaveLength(4);
});

it('a process that was stopped so long that another took over does not write on', async () => {
  const harness = await startHarness();
  const { hub, pull, files } = harness;
  const held = hub.holdAfter(40_000);
  const first = startPull(harness);
  await held;
  first.child.kill('SIGSTOP');
  hub.goOn();
  // It lives, so that only who knows nothing of its process id takes over: as another container does.
  const lock = join(harness.settings.cacheDir, '.locks/models--Qwen--Small/qwen-edit-pull.lock');
  await writeFile(lock, JSON.stringify({ token: 'x', pid: 1, host: 'another', processes: 'pid:[another]' }));
  const { dir } = await pull();
  first.child.kill('SIGCONT');
  expect(await first.ended).toEqual([0, null]);
  expect(await contentOf(dir)).toEqual(wholeContent(files));
});
