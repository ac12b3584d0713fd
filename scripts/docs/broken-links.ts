import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';

/** A link of a Markdown file. */
export interface DocLink {
  readonly file: string;
  readonly line: number;
  readonly target: string;
}

const SKIPPED = new Set(['node_modules', '.git', 'planted', 'fixtures']);
const LINK = /(?<!`)\[(?:[^\]\\`]|\\.|`[^`]*`)*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;

/** The links of all Markdown files below `root`, without those in blocks of code. */
export async function docLinks(root: string): Promise<readonly DocLink[]> {
  const files = await markdownFiles(root, '.');
  const links = await Promise.all(files.map(async (file) => linksOf(file, await readFile(join(root, file), 'utf8'))));
  return links.flat();
}

/** Links within the repository whose file, or whose heading in it, is not there: a sentence each. */
export async function brokenLinks(root: string): Promise<readonly string[]> {
  const anchors = new Map<string, Promise<ReadonlySet<string>>>();
  const anchorsOf = (file: string): Promise<ReadonlySet<string>> => {
    const known = anchors.get(file) ?? readFile(join(root, file), 'utf8').then(headingAnchors);
    anchors.set(file, known);
    return known;
  };
  const inside = (await docLinks(root)).filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
  const found = await Promise.all(
    inside.map(async ({ file, line, target }) => {
      const [path = '', anchor] = target.split('#');
      const where = `${file}:${line}`;
      const to = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
      if (to.startsWith('..')) return [`${where} links to ${target}, which is outside.`];
      if ((await stat(join(root, to)).catch(() => undefined)) === undefined)
        return [`${where} links to ${target}, which is not there.`];
      if (anchor === undefined || !to.endsWith('.md') || (await anchorsOf(to)).has(anchor)) return [];
      return [`${where} links to ${target}, and ${to} has no such heading.`];
    }),
  );
  return found.flat();
}

async function markdownFiles(root: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : markdownFiles(root, path);
      return entry.name.endsWith('.md') ? [relative('.', path)] : [];
    }),
  );
  return found.flat();
}

function linksOf(file: string, text: string): DocLink[] {
  return proseLines(text).flatMap((line, i) =>
    [...line.matchAll(LINK)].map(([, target = '']) => ({ file, line: i + 1, target })),
  );
}

/** The lines of a text; those of blocks of code are empty. */
function proseLines(text: string): string[] {
  let fence: string | undefined;
  return text.split('\n').map((line) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (mark !== undefined && (fence === undefined || mark.startsWith(fence))) {
      fence = fence === undefined ? mark : undefined;
      return '';
    }
    return fence === undefined ? line : '';
  });
}

/** The anchors that GitHub gives to headings. Of equal ones the later have a number. */
function headingAnchors(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = proseLines(text).flatMap((line) => {
    const [, heading] = /^#{1,6}\s+(.*?)\s*#*$/.exec(line) ?? [];
    const own = [...line.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id);
    if (heading === undefined) return own;
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '');
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return [...own, times === 0 ? slug : `${slug}-${times}`];
  });
  return new Set(anchors);
}
