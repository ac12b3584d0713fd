import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

interface Line {
  readonly path: string;
  /** The test's name as the source writes it. If the source fills in its end, the name ends in `…`. */
  readonly name: string;
}

interface Guarantee {
  readonly text: string;
  readonly tests: Line[];
}

/** Reads the promises: list items in bold. Below each stand its tests: a path in backquotes, `›`, and the test's name. */
function readPromises(page: string): readonly Guarantee[] {
  const promised = (page.split('\n## Not promised yet')[0] ?? '').replaceAll(/\n {4,}/g, ' ');
  const promises: Guarantee[] = [];
  for (const line of promised.split('\n')) {
    const [, path, name] = /^ {2}- `([^`]+)` › (.+)$/.exec(line) ?? [];
    if (line.startsWith('- ')) promises.push({ text: line, tests: [] });
    else if (path !== undefined && name !== undefined) promises.at(-1)?.tests.push({ path, name });
  }
  return promises;
}

function isTestOf(source: string, name: string): boolean {
  const quoted = /['"`]/;
  const open = name.endsWith('…');
  const text = open ? name.slice(0, -1).trimEnd() : name;
  for (let at = source.indexOf(text); at !== -1; at = source.indexOf(text, at + 1)) {
    const ends = open || quoted.test(source[at + text.length] ?? '');
    if (quoted.test(source[at - 1] ?? '') && ends) return true;
  }
  return false;
}

const promises = readPromises(await readFile(join(root, 'docs/GUARANTEES.md'), 'utf8'));

it('every promise names a test', () => {
  expect(promises.length).toBeGreaterThan(20);
  expect(promises.filter(({ tests }) => tests.length === 0).map(({ text }) => text)).toEqual([]);
});

it.each(promises.flatMap(({ tests }) => tests))('$path has the test: $name', async ({ path, name }) => {
  const source = await readFile(join(root, path), 'utf8').catch(() => '');
  expect(isTestOf(source, name)).toBe(true);
});
