import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { releaseNotes, releaseProblems } from './check-release.ts';

const VERSION = '0.2.0';
const manifest = (version = VERSION, dependencies: Record<string, string> = {}) =>
  JSON.stringify({ version, dependencies: { zod: '^4.0.0', ...dependencies } });
const CHANGELOG = '# Changelog\n\n## 0.2.0 - 2026-12-24\n\n- A cluster.\n- Smoke.\n\n## 0.1.0 - 2026-11-30\n\n- All.\n';
const FILES = {
  'package.json': manifest(),
  'apps/cli/package.json': manifest(VERSION, { '@qwen-edit/db': VERSION }),
  'packages/db/package.json': manifest(),
  'package-lock.json': JSON.stringify({
    packages: Object.fromEntries(['', 'apps/cli', 'packages/db'].map((folder) => [folder, { version: VERSION }])),
  }),
  'CHANGELOG.md': CHANGELOG,
  'infra/docker/Dockerfile': 'LABEL a="b" \\\n  org.opencontainers.image.version="0.2.0"\n',
  'infra/helm/qwen-edit/Chart.yaml': 'apiVersion: v2\nversion: 0.2.0\nappVersion: "0.2.0"\n',
  'releases.json': JSON.stringify([{ version: '0.1.0', date: '2026-11-30', commit: 'a' }]),
};

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qwen-edit-release-'));
});
afterEach(() => rm(root, { recursive: true }));

async function problemsWith(changes: Partial<Record<keyof typeof FILES, string>> = {}, tag = 'v0.2.0') {
  for (const [path, text] of Object.entries({ ...FILES, ...changes })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return releaseProblems(root, tag);
}

it('a tree that says one version everywhere is that release', async () => {
  expect(await problemsWith()).toEqual([]);
  const rc = Object.fromEntries(
    Object.entries(FILES).map(([path, text]) => [path, text.replaceAll('0.2.0', '0.2.0-rc.1')]),
  );
  expect(await problemsWith(rc, 'v0.2.0-rc.1')).toEqual([]);
});

it.each([
  ['package.json', manifest('0.1.0'), 'package.json says version 0.1.0, not 0.2.0.'],
  ['packages/db/package.json', manifest('0.1.0'), 'packages/db/package.json says version 0.1.0, not 0.2.0.'],
  [
    'apps/cli/package.json',
    manifest(VERSION, { '@qwen-edit/db': '0.1.0' }),
    'apps/cli/package.json wants @qwen-edit/db in version 0.1.0, not 0.2.0.',
  ],
  [
    'package-lock.json',
    FILES['package-lock.json'].replace('"packages/db":{"version":"0.2.0"}', '"packages/db":{"version":"0.1.0"}'),
    'package-lock.json says version 0.1.0 of packages/db, not 0.2.0: run npm install.',
  ],
  [
    'CHANGELOG.md',
    CHANGELOG.replace('## 0.2.0 - 2026-12-24', '## Unreleased'),
    'The newest release in CHANGELOG.md is not "## 0.2.0 - " and a date.',
  ],
  [
    'CHANGELOG.md',
    CHANGELOG.replace('## 0.2.0', '## Unreleased\n\n- More.\n\n## 0.2.0'),
    'CHANGELOG.md has changes under "Unreleased".',
  ],
  [
    'infra/docker/Dockerfile',
    'LABEL org.opencontainers.image.version="0.1.0"',
    'infra/docker/Dockerfile labels the images 0.1.0, not 0.2.0.',
  ],
  [
    'infra/helm/qwen-edit/Chart.yaml',
    'version: 0.2.0\nappVersion: 0.1.0\n',
    'infra/helm/qwen-edit/Chart.yaml says appVersion 0.1.0, not 0.2.0.',
  ],
  [
    'releases.json',
    JSON.stringify([{ version: '0.2.0', date: '2026-12-24', commit: 'a' }]),
    'releases.json has 0.2.0 already: 0.2.0 has to be newer.',
  ],
  [
    'releases.json',
    JSON.stringify([{ version: '0.10.0', date: '2026-12-24', commit: 'a' }]),
    'releases.json has 0.10.0 already: 0.2.0 has to be newer.',
  ],
] as const)('%s with something else keeps a tree from being the release', async (path, text, problem) => {
  expect(await problemsWith({ [path]: text })).toContain(problem);
});

it('a tag that is no version is refused', async () => {
  expect(await problemsWith({}, '0.2.0')).toEqual(['The tag 0.2.0 is no version such as v1.2.3.']);
});

it('the notes of a release are its part of the changelog', () => {
  expect(releaseNotes(CHANGELOG, '0.2.0')).toBe('- A cluster.\n- Smoke.\n');
  expect(() => releaseNotes(CHANGELOG, '0.3.0')).toThrow('CHANGELOG.md says nothing of 0.3.0.');
});
