import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { STATIC_CHECKS } from '../../scripts/static-checks.ts';

const root = join(import.meta.dirname, '../..');
const planted = join(import.meta.dirname, 'planted');
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** A repository with the configuration of this one, and with no other sources than those of one planted case. */
async function repositoryOf(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-rules-'));
  folders.push(folder);
  for (const file of ['biome.json', 'knip.jsonc', 'tsconfig.json', 'package.json', '.gitignore'])
    await cp(join(root, file), join(folder, file));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  if (name !== '') await cp(join(planted, name), folder, { recursive: true });
  return folder;
}

it('sources that break no rule pass every check', async () => {
  const repository = await repositoryOf('clean');
  for (const { name, run } of Object.values(STATIC_CHECKS)) {
    expect(await run(repository), name).toEqual({ ok: true, output: expect.any(String) });
  }
});

it.each([
  ['format', 'biome', 'Formatter would have printed'],
  [
    'types',
    'types',
    "packages/pipeline/src/index.ts(1,14): error TS2322: Type 'string' is not assignable to type 'number'",
  ],
  ['enum-needs-a-compiler', 'types', 'TS1294'],
  ['any', 'biome', 'noExplicitAny'],
  ['as-any', 'biome', 'noExplicitAny'],
  ['assertion', 'biome', 'noUnsafeTypeAssertion'],
  ['default-export', 'biome', 'noDefaultExport'],
  ['process-env', 'biome', 'noProcessEnv'],
  ['process-env-taken-apart', 'text', 'process.env'],
  ['process-env-imported', 'biome', 'noRestrictedImports'],
  ['ts-ignore', 'biome', 'noTsIgnore'],
  ['silenced-type-error', 'text', "error': silences a check"],
  ['silenced-lint', 'text', "ignore': silences a check"],
  ['focused-test', 'biome', 'noFocusedTests'],
  ['skipped-test', 'biome', 'noSkippedTests'],
  ['throw-error', 'text', "packages/pipeline/src/index.ts:2 'throw new Error(': only AppError may reach a user"],
  ['unfinished', 'text', 'docs/page.md:1'],
  ['machine-path', 'text', 'a path that exists on one machine only'],
  [
    'pipeline-imports-package',
    'arrows',
    'packages/pipeline/src/index.ts:1 packages/pipeline must not import packages/db',
  ],
  ['package-imports-app', 'arrows', 'packages/db/src/index.ts:1 packages/db must not import apps/cli'],
  ['app-imports-app', 'arrows', 'apps/api must not import apps/worker'],
  ['contract-imports-package', 'arrows', 'packages/contract must not import packages/pipeline'],
  ['contract-imports-async', 'arrows', 'packages/contract must not import packages/async'],
  ['async-imports-package', 'arrows', 'packages/async must not import packages/net'],
  [
    'relative-import-leaves',
    'arrows',
    "packages/pipeline/src/graphs/index.ts:1 import '../../../contract/src/index.ts' leaves",
  ],
  [
    'pipeline-room-imports-process',
    'rooms',
    'packages/pipeline/src/engine/model.ts:1 engine must not import process: inside packages/pipeline',
  ],
  [
    'pipeline-room-imports-later-room',
    'rooms',
    'packages/pipeline/src/graphs/vae.ts:1 graphs must not import sampling',
  ],
  ['pipeline-unknown-room', 'rooms', 'packages/pipeline/src/attic/index.ts:1 attic is not in the list of rooms'],
  [
    'one-name-in-two-files',
    'exports',
    "packages/net/src/pause.ts:1 exports 'pause', which packages/db/src/wait.ts also declares",
  ],
  ['device-name-compared', 'devices', "packages/pipeline/src/index.ts:2 '=== 'cpu'': ask what the device can do"],
  ['device-name-listed', 'devices', "packages/pipeline/src/index.ts:2 '['webgpu', 'cuda'].includes(': ask what"],
  ['device-name-switched', 'devices', "packages/pipeline/src/index.ts:3 'case 'cuda'': ask what"],
  ['unused-dependency', 'unused', 'Unused dependencies (1)\npackages/net/package.json: undici'],
  ['undeclared-dependency', 'unused', 'Unlisted dependencies (1)\npackages/net/src/index.ts: undici'],
  ['undeclared-workspace', 'unused', 'Unlisted dependencies (1)\napps/api/src/index.ts: @qwen-edit/net'],
  ['unused-export', 'unused', 'Unused exports (1)\nscripts/values.ts: unused'],
  ['unused-file', 'unused', 'Unused files (1)\nscripts/values.ts'],
] as const)('the planted violation %s fails the check %s', async (name, check, message) => {
  const { ok, output } = await STATIC_CHECKS[check].run(await repositoryOf(name));
  expect(output).toContain(message);
  expect(ok).toBe(false);
});

it('a file of more than 500 lines fails the check biome', async () => {
  const repository = await repositoryOf('');
  const lines = Array.from({ length: 501 }, (_, i) => `export const line${i} = ${i};\n`);
  await writeFile(join(repository, 'long.ts'), lines.join(''));
  const { ok, output } = await STATIC_CHECKS.biome.run(repository);
  expect(output).toContain('noExcessiveLinesPerFile');
  expect(ok).toBe(false);
});

it('a rule that finds no source file fails', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'qwen-edit-rules-'));
  folders.push(empty);
  expect((await STATIC_CHECKS.arrows.run(empty)).ok).toBe(false);
  expect((await STATIC_CHECKS.text.run(empty)).ok).toBe(false);
});
