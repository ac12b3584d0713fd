import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import releases from '../../releases.json' with { type: 'json' };
import { leaveOut, mention } from '../services.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const git = (...args: string[]) => execute('git', args, { cwd: root });

/** The code of a release, ready to run. */
export interface ReleasedCode {
  readonly version: string;
  readonly root: string;
  remove(): Promise<void>;
}

/**
 * The suites that run the last release: all of them, or none where its commit is not here, which is said. In CI that is an error,
 * except in a clone without the history, where it cannot be.
 */
export async function releaseSuites<T>(suites: readonly T[]): Promise<readonly T[]> {
  const why = await whyNoCommit(lastRelease().commit);
  if (why === undefined) return suites;
  const leave = (await hasHistory()) ? leaveOut : mention;
  await leave('the upgrade tests', why);
  return [];
}

/** False in a clone of the last commits only, and where there is no repository at all. */
const hasHistory = (): Promise<boolean> =>
  git('rev-parse', '--is-shallow-repository').then(
    ({ stdout }) => stdout.trim() === 'false',
    () => false,
  );

/** Why the code of a commit cannot be checked out here, and what to do; undefined if it can. */
export async function whyNoCommit(commit: string): Promise<string | undefined> {
  const isHere = await git('cat-file', '-e', `${commit}^{commit}`).then(
    () => true,
    () => false,
  );
  if (isHere) return undefined;
  return `the commit ${commit} is not in this clone: run \`git fetch --unshallow\`, and let a checkout in CI get the whole history`;
}

/**
 * Checks out the last release into a worktree in a temporary folder. Packages of others are today's: an old lock file would need
 * an installation of its own. Our own packages, which npm links from node_modules, are those of the release.
 */
export async function checkOutLastRelease(): Promise<ReleasedCode> {
  const { version, commit } = lastRelease();
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-release-')));
  const old = join(folder, 'code');
  await git('worktree', 'add', '--quiet', '--detach', old, commit);
  await linkPackages(old);
  // The page need not be built again if it is the same: a start compares it with its sources.
  const page = 'apps/web/dist';
  await cp(join(root, page), join(old, page), { recursive: true }).catch(() => undefined);
  return {
    version,
    root: old,
    async remove() {
      await git('worktree', 'remove', '--force', '--force', old).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
      await git('worktree', 'prune');
    },
  };
}

/** The one that was made last stands last. */
function lastRelease(): (typeof releases)[number] {
  const last = releases.at(-1);
  if (last === undefined) throw new Error('releases.json names no release');
  return last;
}

async function linkPackages(old: string): Promise<void> {
  const [ours, theirs] = [join(root, 'node_modules'), join(old, 'node_modules')];
  await mkdir(join(theirs, '@qwen-edit'), { recursive: true });
  for (const name of await readdir(ours)) {
    if (name !== '@qwen-edit' && name !== '.cache') await symlink(join(ours, name), join(theirs, name));
  }
  for (const name of await readdir(join(ours, '@qwen-edit'))) {
    const place = relative(root, await realpath(join(ours, '@qwen-edit', name)));
    await symlink(join(old, place), join(theirs, '@qwen-edit', name));
  }
}
