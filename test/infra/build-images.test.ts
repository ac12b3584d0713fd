import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { environment } from '../config.ts';

const script = join(import.meta.dirname, '../../infra/docker/build-images.sh');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-build-'));
  // Notes what it is asked for, a word a line.
  await writeFile(join(folder, 'docker'), `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder}/asked"\n`);
  await chmod(join(folder, 'docker'), 0o755);
});
afterEach(() => rm(folder, { recursive: true }));

const UNSET = { REGISTRY: '', SOURCE: '', REVISION: '', CREATED: '' };

async function asked(args: readonly string[], env: Record<string, string> = {}): Promise<readonly string[]> {
  const path = `${folder}:${environment.PATH}`;
  await promisify(execFile)(script, [...args], { env: { ...environment, ...UNSET, ...env, PATH: path } });
  return (await readFile(join(folder, 'asked'), 'utf8')).trimEnd().split('\n').slice(2);
}

const FILE = ['--file', 'infra/docker/Dockerfile'];

it('what is tried stays on this machine', async () => {
  expect(await asked(['load', 'all-in-one'])).toEqual([
    ...FILE,
    '--target',
    'all-in-one',
    '--load',
    '--tag',
    'qwen-edit',
    '.',
  ]);
  expect(await asked(['check', 'worker'])).toEqual([...FILE, '--target', 'worker', '--output', 'type=cacheonly', '.']);
});

it('what is pushed has an SBOM, its provenance, and labels that say where it comes from', async () => {
  const env = {
    REGISTRY: 'ghcr.io/somebody',
    SOURCE: 'https://github.com/somebody/qwen-edit',
    REVISION: 'abc',
    CREATED: '2026-12-24T00:00:00Z',
  };
  expect(await asked(['push', 'api', '1.2.3-arm64'], env)).toEqual([
    ...[...FILE, '--target', 'api'],
    ...['--label', 'org.opencontainers.image.source=https://github.com/somebody/qwen-edit'],
    ...['--build-arg', 'REVISION=abc', '--build-arg', 'CREATED=2026-12-24T00:00:00Z'],
    ...['--push', '--sbom=true', '--provenance=mode=max', '--tag', 'ghcr.io/somebody/qwen-edit-api:1.2.3-arm64', '.'],
  ]);
});

it.each([
  [['push', 'api', '1.2.3'], {}],
  [['push', 'api'], { REGISTRY: 'ghcr.io/somebody' }],
  [['publish', 'api'], {}],
  [['load'], {}],
])('%j with %j builds nothing', async (args, env) => {
  await expect(asked(args, env)).rejects.toThrow(/Command failed/);
  await expect(readFile(join(folder, 'asked'))).rejects.toThrow('ENOENT');
});
