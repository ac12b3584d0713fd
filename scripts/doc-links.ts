import { join } from 'node:path';
import { brokenLinks, docLinks } from './docs/broken-links.ts';

/**
 * node scripts/doc-links.ts [--outside]
 * Says which links of the documents lead nowhere, and exits with 1 if any does. With --outside it asks other hosts too; what
 * they refuse to a program, or answer too late, is no fault of a link.
 */
const GONE: ReadonlySet<number> = new Set([404, 410]);
const ANSWER_MS = 30_000;

const root = join(import.meta.dirname, '..');
const broken = [...(await brokenLinks(root))];
if (process.argv.includes('--outside')) {
  const links = (await docLinks(root)).filter(({ target }) => /^https?:/.test(target) && !isExample(target));
  for (const target of new Set(links.map((link) => link.target))) {
    const status = await statusOf(target);
    const from = links.filter((link) => link.target === target).map(({ file, line }) => `${file}:${line}`);
    if (typeof status === 'string' || GONE.has(status)) broken.push(`${from.join(', ')} links to ${target}: ${status}`);
  }
}
for (const line of broken) console.error(line);
process.exit(broken.length === 0 ? 0 : 1);

function isExample(target: string): boolean {
  const { hostname } = new URL(target);
  return /(^|\.)example(\.(org|com|net))?$|^localhost$|^[\d.]+$/.test(hostname);
}

/** The status of an answer, 0 if none came in time, or why the name leads nowhere. */
async function statusOf(target: string): Promise<number | string> {
  try {
    const response = await fetch(target, { signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.status;
  } catch (thrown) {
    const cause = thrown instanceof Error ? thrown.cause : undefined;
    return cause instanceof Error && 'code' in cause && cause.code === 'ENOTFOUND' ? 'the host has no address' : 0;
  }
}
