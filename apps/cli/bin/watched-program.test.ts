import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-watched-'));
});
afterAll(() => rm(folder, { recursive: true }));

const launcher = join(import.meta.dirname, 'node-for-typescript.mjs');
/** A thread that waits for ever, as one does that joins another which waits for it. */
const HANG = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)';

/** Starts a program by the launcher, and waits for the first line that it writes: its process id. */
async function start(program: string) {
  const file = join(folder, `${crypto.randomUUID()}.ts`);
  await writeFile(file, `console.log(process.pid);\n${program}`);
  const code = `import(${JSON.stringify(launcher)}).then((m) => m.runTypeScript(${JSON.stringify(file)}, []))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  const line = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.includes('\n')) resolve();
    });
  });
  // Its output ends when the last process that can write to it has ended.
  const ended = once(child.stdout, 'end').then(() => output.replace(/^\d+\n/, ''));
  await line;
  return { child, pid: Number.parseInt(output, 10), rest: ended, end: once(child, 'exit') };
}

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('a program that refuses to end after its work is killed, and its exit code and output stand', async () => {
  const refuse = `process.on('exit', () => ${HANG});`;
  const started = await Promise.all([
    start(`${refuse} console.log('done');`),
    start(`${refuse} console.log('done'); process.exit(7);`),
    start(`${refuse} console.log('done'); process.exitCode = 9; setInterval(() => {}, 1000).unref();`),
    start(`${refuse} console.log('done'); throw new TypeError('planted');`),
  ]);
  expect(await Promise.all(started.map(({ end }) => end))).toEqual([0, 7, 9, 1].map((code) => [code, null]));
  expect(await Promise.all(started.map(({ rest }) => rest))).toEqual(started.map(() => 'done\n'));
  expect(started.map(({ pid }) => isThere(pid))).toEqual(started.map(() => false));
});

it('a program whose launcher is killed stops as by SIGTERM, also one that refuses to end, or does not listen', async () => {
  const stay = 'setInterval(() => {}, 1000);';
  const started = await Promise.all([
    start(`process.on('SIGTERM', () => { console.log('stopped'); process.exit(); }); ${stay}`),
    start(`process.on('exit', () => ${HANG}); process.on('SIGTERM', () => process.exit()); ${stay}`),
    start(stay),
  ]);
  for (const { child } of started) child.kill('SIGKILL');
  expect(await Promise.all(started.map(({ rest }) => rest))).toEqual(['stopped\n', '', '']);
});
