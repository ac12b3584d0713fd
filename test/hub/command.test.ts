import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { environment } from '../config.ts';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { type HubHarness, SHARD, startHarness } from './harness.ts';

const MAIN = join(import.meta.dirname, '../../apps/cli/src/main.ts');

function start({ hub, folder }: HubHarness, args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const { HF_TOKEN: _, ...env } = environment;
  const child = spawn(process.execPath, [MAIN, 'model', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { ...env, HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, 'home'), ...more },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return { child, said, ended: once(child, 'close').then(([code]) => ({ code, ...said })) };
}

const run = (...args: Parameters<typeof start>) => start(...args).ended;

it('pull downloads what QWEN_EDIT_MODEL names and prints folder, files, bytes and that they are verified; in a pipe without a bar', async () => {
  const harness = await startHarness();
  const first = await run(harness, ['pull'], { QWEN_EDIT_MODEL: 'Qwen/Small' });
  const dir = join(harness.folder, 'home/hub/models--Qwen--Small/snapshots', harness.commit);
  expect(first).toEqual({
    code: 0,
    out: `${dir}\nQwen/Small at ${harness.commit.slice(0, 12)}: 12 files, 122.8 kB, verified.\n`,
    err: 'downloading Qwen/Small: 0 bytes of 122.8 kB\n',
  });
  expect(await contentOf(dir)).toEqual(wholeContent(harness.files));
  const again = await run(harness, ['pull', 'Qwen/Small', '--json', '--revision', 'main']);
  const events = again.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.map(({ event, phase }) => phase ?? event)).toEqual(['listing', 'checking', 'done', 'done']);
  expect(events.at(-1)).toEqual({
    ...{ event: 'done', dir, commit: harness.commit, files: 12, bytes: 122_796 },
    ...{ downloaded_files: 0, downloaded_bytes: 0, verified: false, left_out: [] },
  });
});

it('QWEN_EDIT_2511_DIR gets plain files; list and remove know both places', async () => {
  const harness = await startHarness();
  const [local, cached] = [{ QWEN_EDIT_2511_DIR: join(harness.folder, 'model') }, {}];
  expect((await run(harness, ['pull', 'Qwen/Small'], local)).code).toBe(0);
  expect(await contentOf(local.QWEN_EDIT_2511_DIR)).toEqual(wholeContent(harness.files));
  await run(harness, ['pull', 'Qwen/Small'], cached);
  const { out } = await run(harness, ['list', '--json'], local);
  const models = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(models).toMatchObject([
    { repo: 'Qwen/Small', dir: local.QWEN_EDIT_2511_DIR, whole: true, missing: [] },
    { repo: 'Qwen/Small', revisions: ['main'], commit: harness.commit, whole: true, bytes: 122_796 },
  ]);
  expect((await run(harness, ['list'], cached)).out).toMatch(
    /^Qwen\/Small {2}main \w{12} {2}122\.8 kB {2}whole\n {2}\//,
  );
  // Nobody sits at a pipe to be asked.
  expect(await run(harness, ['remove', 'Qwen/Small'], cached)).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes'),
  });
  expect(await run(harness, ['remove', 'Qwen/Small', '--yes'], cached)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/12\d\.\d kB are free again/),
  });
  expect(await readdir(join(harness.folder, 'home/hub'))).toEqual(['.locks']);
});

it('killed five times at random bytes, and stopped once by Ctrl-C, it ends whole and says how to go on', async () => {
  const harness = await startHarness();
  const { hub, folder, files } = harness;
  for (const bytes of [0, 7000, 16_384, 31_111, 9]) {
    const held = hub.holdAfter(bytes);
    const { child, ended } = start(harness, ['pull', 'Qwen/Small']);
    await Promise.race([held, ended]);
    child.kill('SIGKILL');
    hub.goOn();
    await ended;
  }
  hub.always(SHARD, { kind: 'stall', after: 10 });
  const { child, said, ended } = start(harness, ['pull', 'Qwen/Small', '--json']);
  while (!said.out.includes('"downloading"')) await Promise.race([once(child.stdout, 'data'), ended]);
  child.kill('SIGINT');
  expect(await ended).toMatchObject({
    code: 130,
    err: 'Stopped. What has arrived is kept: the same command goes on from there.\n',
  });
  hub.always(SHARD, { kind: 'drop', after: 1e9 });
  expect((await run(harness, ['pull', 'Qwen/Small'])).code).toBe(0);
  const dir = join(folder, 'home/hub/models--Qwen--Small/snapshots', harness.commit);
  expect(await contentOf(dir)).toEqual(wholeContent(files));
  expect(await leftovers(folder)).toEqual([]);
});

it('errors have a code, what to do, and an exit code; the token is in none of them', async () => {
  const harness = await startHarness({ token: 'hf_right' }, { gated: true });
  await writeFile(join(harness.folder, 'token'), 'hf_from_a_file\n');
  const gated = await run(harness, ['pull', 'Qwen/Small', '--json'], { HF_TOKEN_PATH: join(harness.folder, 'token') });
  expect(gated.code).toBe(1);
  expect(JSON.parse(gated.out.trim().split('\n').at(-1) ?? '')).toMatchObject({ error: { code: 'model_gated' } });
  expect(gated.out + gated.err).not.toContain('hf_from_a_file');
  expect(harness.hub.requests[0]?.authorization).toBe('Bearer hf_from_a_file');

  expect(await run(harness, ['pull', 'Small'])).toMatchObject({ code: 2, err: expect.stringContaining('(usage)') });
  const offline = await run(harness, ['pull', 'Qwen/Small'], { HF_HUB_OFFLINE: 'YES' });
  expect(offline).toMatchObject({ code: 1, err: expect.stringContaining('(model_not_found)') });
});
