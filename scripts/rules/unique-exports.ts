import { parseSync } from 'oxc-parser';
import { isCode, lineAt, type SourceFile, type Violation } from './source-files.ts';

/**
 * An exported name means one thing: only one file may declare a value or a type under it. A plain re-export is not a second
 * declaration; a re-export under another name is one.
 */
export function checkUniqueExports(files: readonly SourceFile[]): Violation[] {
  const declarations = files
    .filter(({ path }) => isCode(path) && /^(apps|packages|scripts|test)\//.test(path))
    .flatMap(declaredExports);
  const byName = Map.groupBy(declarations, ({ name }) => name);
  return [...byName.values()].flatMap((same) => {
    const paths = new Set(same.map(({ path }) => path));
    return paths.size === 1 ? [] : same.map((declaration) => violationOf(declaration, paths));
  });
}

interface Declaration {
  readonly name: string;
  readonly path: string;
  readonly line: number;
}

function declaredExports({ path, text }: SourceFile): Declaration[] {
  return parseSync(path, text).module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, importName, moduleRequest, start }) => {
      const { name } = exportName;
      const reExported = moduleRequest !== null && importName.name === name;
      if (name === null || reExported) return [];
      return [{ name, path, line: lineAt(text, start) }];
    }),
  );
}

function violationOf({ name, path, line }: Declaration, paths: ReadonlySet<string>): Violation {
  const others = [...paths].filter((other) => other !== path).join(', ');
  return { path, line, message: `exports '${name}', which ${others} also declares: an exported name means one thing` };
}
