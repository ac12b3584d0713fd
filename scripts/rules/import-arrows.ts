import { posix } from 'node:path';
import { isCode, lineAt, type SourceFile, type Violation } from './source-files.ts';

const SCOPE = '@qwen-edit/';
const IMPORT = /(?:^|[\s;}])(?:import|export)\b[^'"`;()]*?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/g;
/** The launcher runs before Node can load a package of ours. Tests that cross rooms look inside the rooms. */
const MAY_REACH_IN = /^(scripts\/run\.mjs$|test\/)/;

/**
 * Imports point one way: cli -> apps -> packages -> files -> async -> contract. A package imports no other packages of ours than
 * the last three. Outside test/, a relative import stays within its workspace.
 */
export function checkImportArrows(files: readonly SourceFile[]): Violation[] {
  return files
    .filter((file) => isCode(file.path) && !MAY_REACH_IN.test(file.path))
    .flatMap((file) =>
      [...file.text.matchAll(IMPORT)].flatMap((match) => {
        const message = problemOf(file.path, match[1] ?? match[2] ?? '', files);
        return message === undefined ? [] : [{ path: file.path, line: lineAt(file.text, match.index + 1), message }];
      }),
    );
}

function problemOf(path: string, target: string, files: readonly SourceFile[]): string | undefined {
  const from = workspaceOf(path);
  if (target.startsWith('.')) {
    const to = workspaceOf(posix.join(posix.dirname(path), target));
    return to === from ? undefined : `import '${target}' leaves ${from}: import the other workspace by its name`;
  }
  if (!target.startsWith(SCOPE)) return undefined;
  const to = workspaceNamed(target.slice(SCOPE.length).split('/')[0] ?? '', files);
  return mayImport(from, to)
    ? undefined
    : `${from} must not import ${to}: arrows point cli -> apps -> packages -> files -> async -> contract`;
}

function mayImport(from: string, to: string): boolean {
  if (from === to || from === ROOT || to === 'packages/contract') return true;
  if (to === 'packages/async') return from !== 'packages/contract';
  if (to === 'packages/files') return from !== 'packages/contract' && from !== 'packages/async';
  if (from === 'apps/cli') return true;
  return from.startsWith('apps/') && to.startsWith('packages/');
}

const ROOT = 'the root';

function workspaceOf(path: string): string {
  return /^(?:apps|packages)\/[^/]+(?=\/)/.exec(path)?.[0] ?? ROOT;
}

function workspaceNamed(name: string, files: readonly SourceFile[]): string {
  const isApp = files.some((file) => file.path === `apps/${name}/package.json`);
  return `${isApp ? 'apps' : 'packages'}/${name}`;
}
