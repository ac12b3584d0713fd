import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import releases from '../../releases.json' with { type: 'json' };

const root = join(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const git = (...args: string[]): Promise<string> =>
  promisify(execFile)('git', args, { cwd: root }).then(({ stdout }) => stdout.trim());

it('each release has its commit, whole, and its heading with its date in the changelog, oldest first', async () => {
  const changelog = await read('CHANGELOG.md');
  for (const { version, date, commit } of releases) {
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    expect(date).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(changelog, 'the heading of the release').toContain(`\n## ${version} - ${date}\n`);
  }
  expect(releases.map(({ date }) => date)).toEqual(releases.map(({ date }) => date).toSorted());
  expect(new Set(releases.map(({ version }) => version)).size).toBe(releases.length);
});

it('the commit of each release lies before this one, where the whole history is here', async () => {
  const known = await Promise.all(
    releases.map(({ commit }) => git('cat-file', '-t', commit).catch(() => 'not in this clone')),
  );
  // A clone of the last commits has none of them; what is here has to be a commit of this history.
  const shallow = (await git('rev-parse', '--is-shallow-repository')) === 'true';
  for (const [i, { version, commit }] of releases.entries()) {
    if (shallow && known[i] !== 'commit') continue;
    expect(known[i], version).toBe('commit');
    await git('merge-base', '--is-ancestor', commit, 'HEAD');
  }
});

it('the tests in CI have the whole history, with the commits of the releases', async () => {
  const workflow = parse(await read('.github/workflows/ci.yml')) as {
    jobs: { test: { steps: { uses?: string; with?: Record<string, unknown> }[] } };
  };
  const checkout = workflow.jobs.test.steps.find(({ uses }) => uses?.startsWith('actions/checkout@'));
  expect(checkout?.with).toMatchObject({ 'fetch-depth': 0 });
});
