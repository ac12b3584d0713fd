import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { until } from '../support/until.ts';

const root = join(import.meta.dirname, '../..');
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const scripts: Readonly<Record<string, string>> = manifest.scripts;

/** A service that drains: it says by which signal it was told to stop, and ends a little later. */
const SERVICE = `
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  let told = false;
  process.on(signal, () => {
    if (told) return;
    told = true;
    console.log('told by ' + signal);
    setTimeout(() => { console.log('drained'); process.exit(0); }, 300);
  });
}
setInterval(() => {}, 1000);
console.log('ready');
`;
/** Neither replaces itself by the script nor passes a signal on, as some shells do. */
const STAYING_SHELL = '#!/bin/sh\nsh "$@"\nexit $?\n';

let folder = '';
const shell = (): string => join(folder, 'staying-sh');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-npm-'));
  const service = join(folder, 'service.ts');
  const start = scripts
    .start!.replace('scripts/run.mjs', join(root, 'scripts/run.mjs'))
    .replace(/\S+\/main\.ts/, service);
  await writeFile(service, SERVICE);
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'service', version: '1.0.0', scripts: { start } }),
  );
  await writeFile(shell(), STAYING_SHELL);
  await chmod(shell(), 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs npm start with the service above, sends a signal to npm alone, and waits for the end of everything. */
async function stopNpm(signal: NodeJS.Signals, npmArgs: readonly string[] = []) {
  const env = { ...environment, NO_UPDATE_NOTIFIER: '1' };
  const child = spawn('npm', ['start', ...npmArgs], {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const silent = once(child.stdout, 'end');
  const exit = once(child, 'exit');
  await until(() => output.includes('ready'), 300_000);
  child.kill(signal);
  await silent;
  return { told: output.split('ready')[1]?.trim().split('\n'), exit: await exit };
}

it('every script of package.json hands its process over to the launcher, and Windows has a program for the word', async () => {
  for (const script of Object.values(scripts)) expect(script).toMatch(/^exec node scripts\/run\.mjs \S+\.ts( |$)/);
  expect(await readFile(join(root, 'exec.cmd'), 'utf8')).toMatch(/^@%\*$/m);
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s to npm start reaches the service, npm waits for its end, and nothing is left over',
  async (signal) => {
    expect(await stopNpm(signal)).toEqual({ told: [`told by ${signal}`, 'drained'], exit: [0, null] });
  },
);

it('a service stops although the shell of npm takes the signal for itself, or npm is killed', async () => {
  const ends = await Promise.all([stopNpm('SIGTERM', ['--script-shell', shell()]), stopNpm('SIGKILL')]);
  for (const { told } of ends) expect(told).toEqual(['told by SIGTERM', 'drained']);
});
