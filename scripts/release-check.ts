import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseNotes, releaseProblems } from './release/check-release.ts';

/**
 * node scripts/release-check.ts v1.2.3 [NOTES.md]
 * Says what keeps this tree from being that release, and exits with 1; else writes what CHANGELOG.md says of it. It imports no
 * package, so that it runs before `npm ci`.
 */
const root = join(import.meta.dirname, '..');
const [tag = '', notes] = process.argv.slice(2);
const problems = await releaseProblems(root, tag);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
const text = releaseNotes(await readFile(join(root, 'CHANGELOG.md'), 'utf8'), tag.slice(1));
if (notes === undefined) process.stdout.write(text);
else await writeFile(notes, text);
