import { parseSync } from 'oxc-parser';
import { lineAt, type SourceFile } from '../../scripts/rules/source-files.ts';

/** A place in our code that writes a line of the log. */
export interface LogCall {
  readonly place: string;
  /** The names of the fields that the code spells out. */
  readonly fields: readonly string[];
  /** What the code passes on from elsewhere, as it is written. */
  readonly passed: readonly string[];
}

type Node = Readonly<Record<string, unknown>> & { readonly type: string; readonly start: number; readonly end: number };

const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);

/** Every call of a logger in these files. A variable of the same file is looked up by its name. */
export function logCalls(files: readonly SourceFile[]): readonly LogCall[] {
  return files.flatMap(({ path, text }) => {
    const nodes = nodesOf(parseSync(path, text).program);
    return nodes.flatMap((node) => {
      const fields = loggedBy(node, text);
      if (fields === undefined) return [];
      const found = { fields: new Set<string>(), passed: new Set<string>() };
      collect(fields, { nodes, text, found, seen: new Set() });
      return [{ place: `${path}:${lineAt(text, node.start)}`, fields: [...found.fields], passed: [...found.passed] }];
    });
  });
}

/** The first argument of a call such as `log.info({…}, 'words')` or `deps.log.warn(facts, 'words')`. */
function loggedBy(node: Node, text: string): Node | undefined {
  if (node.type !== 'CallExpression') return undefined;
  const callee = node.callee as Node;
  if (callee.type !== 'MemberExpression' || !LEVELS.has(textOf(callee.property as Node, text))) return undefined;
  if (!/(^|\.)log$/.test(textOf(callee.object as Node, text))) return undefined;
  const [first, second] = node.arguments as Node[];
  return second === undefined ? undefined : first;
}

interface Search {
  readonly nodes: readonly Node[];
  readonly text: string;
  readonly found: { readonly fields: Set<string>; readonly passed: Set<string> };
  readonly seen: Set<string>;
}

function collect(node: Node, search: Search): void {
  const { nodes, text, found, seen } = search;
  if (node.type === 'ObjectExpression') {
    for (const property of node.properties as Node[]) {
      if (property.type === 'SpreadElement') collect(property.argument as Node, search);
      else found.fields.add(textOf(property.key as Node, text));
    }
    return;
  }
  if (node.type === 'ConditionalExpression') {
    for (const branch of [node.consequent, node.alternate]) collect(branch as Node, search);
    return;
  }
  if (node.type === 'ParenthesizedExpression') {
    collect(node.expression as Node, search);
    return;
  }
  const name = textOf(node, text);
  const values = nodes.filter(
    ({ type, id, init }) => type === 'VariableDeclarator' && init !== null && textOf(id as Node, text) === name,
  );
  if (values.length === 0 || seen.has(name)) found.passed.add(name);
  else {
    seen.add(name);
    for (const { init } of values) collect(init as Node, search);
  }
}

const textOf = ({ start, end }: Node, text: string): string => text.slice(start, end);

function nodesOf(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(nodesOf);
  return 'type' in value && 'start' in value ? [value as Node, ...inner] : inner;
}
