import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkDeviceNames } from './rules/device-names.ts';
import { checkForbiddenText } from './rules/forbidden-text.ts';
import { checkImportArrows } from './rules/import-arrows.ts';
import { checkPipelineRooms } from './rules/pipeline-rooms.ts';
import { readSourceFiles, type SourceFile, type Violation } from './rules/source-files.ts';
import { checkUniqueExports } from './rules/unique-exports.ts';
import { runTool, type ToolResult, toolScript } from './run-tool.ts';

/** A check that reads the sources and runs none of them. `output` says what breaks it, and where. */
export interface StaticCheck {
  readonly name: string;
  readonly run: (root: string) => Promise<ToolResult>;
}

const PROJECTS = ['.', 'apps/web'];

export const STATIC_CHECKS = {
  biome: {
    name: 'format and lint (biome)',
    run: (root) =>
      runTool(
        toolScript('@biomejs/biome', 'bin/biome'),
        ['check', '--error-on-warnings', '--max-diagnostics=50', '.'],
        root,
      ),
  },
  types: {
    name: 'types (tsc)',
    // The page has a project of its own: a browser's types are not those of Node.
    run: (root) =>
      runAll(
        PROJECTS.filter((project) => existsSync(join(root, project, 'tsconfig.json'))).map((project) =>
          typesOf(root, project),
        ),
      ),
  },
  unused: {
    name: 'dependencies, exports and files (knip)',
    // The strict run reads only what ships. In it a workspace may not use what only the root declares.
    run: (root) =>
      runAll([
        knip(root, []),
        knip(root, ['--production', '--strict', '--include', 'dependencies,unlisted,unresolved']),
      ]),
  },
  arrows: { name: 'import arrows', run: rule(checkImportArrows) },
  rooms: { name: 'order of rooms in packages/pipeline', run: rule(checkPipelineRooms) },
  exports: { name: 'one meaning for each exported name', run: rule(checkUniqueExports) },
  text: { name: 'forbidden text', run: rule(checkForbiddenText) },
  devices: { name: 'what depends on the device', run: rule(checkDeviceNames) },
} as const satisfies Record<string, StaticCheck>;

function typesOf(root: string, project: string): Promise<ToolResult> {
  return runTool(toolScript('typescript', 'bin/tsc'), ['--noEmit', '--pretty', 'false', '-p', project], root);
}

function knip(root: string, args: readonly string[]): Promise<ToolResult> {
  const options = ['--no-progress', '--no-config-hints', '--reporter', 'compact'];
  return runTool(toolScript('knip', 'bin/knip.js'), [...options, ...args], root);
}

async function runAll(runs: readonly Promise<ToolResult>[]): Promise<ToolResult> {
  const results = await Promise.all(runs);
  return { ok: results.every(({ ok }) => ok), output: results.map(({ output }) => output).join('') };
}

function rule(check: (files: readonly SourceFile[]) => Violation[]): StaticCheck['run'] {
  return async (root) => {
    const files = await readSourceFiles(root);
    // Without a file no rule can be broken: that must not count as passed.
    if (files.length === 0) return { ok: false, output: `no source file found under ${root}` };
    const violations = check(files);
    const lines = violations.map(({ path, line, message }) => `${path}:${line} ${message}`);
    return { ok: violations.length === 0, output: lines.join('\n') };
  };
}
