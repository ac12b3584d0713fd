import { checkForbiddenText } from './rules/forbidden-text.ts';
import { checkImportArrows } from './rules/import-arrows.ts';
import { readSourceFiles, type SourceFile, type Violation } from './rules/source-files.ts';
import { runTool, type ToolResult, toolScript } from './run-tool.ts';

/** A check of the sources that runs none of them. */
export interface StaticCheck {
  readonly name: string;
  readonly run: (root: string) => Promise<ToolResult>;
}

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
    run: (root) => runTool(toolScript('typescript', 'bin/tsc'), ['--noEmit', '--pretty', 'false'], root),
  },
  arrows: { name: 'import arrows', run: rule(checkImportArrows) },
  text: { name: 'forbidden text', run: rule(checkForbiddenText) },
} as const satisfies Record<string, StaticCheck>;

function rule(check: (files: readonly SourceFile[]) => Violation[]): StaticCheck['run'] {
  return async (root) => {
    const files = await readSourceFiles(root);
    // A rule that sees no file would pass for the wrong reason.
    if (files.length === 0) return { ok: false, output: `no source file found under ${root}` };
    const violations = check(files);
    const lines = violations.map(({ path, line, message }) => `${path}:${line} ${message}`);
    return { ok: violations.length === 0, output: lines.join('\n') };
  };
}
