import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const FILE = 'infra/docker/Dockerfile';

/** What infra/docker/Dockerfile says of itself. */
export interface Dockerfile {
  readonly text: string;
  /** Images of others that it begins with. */
  readonly bases: readonly string[];
  /** The targets of the table at its head, with their commands. */
  readonly claims: Readonly<Record<string, readonly string[]>>;
}

export async function readDockerfile(): Promise<Dockerfile> {
  const text = await readFile(join(root, FILE), 'utf8');
  const stages = [...text.matchAll(/^FROM (\S+) AS (\S+)$/gm)];
  const names = new Set(stages.map(([, , name]) => name));
  const bases = stages.flatMap(([, from = '']) => (names.has(from) ? [] : [from]));
  const rows = [...text.matchAll(/^# {3}([a-z-]+) {2,}(.+)$/gm)];
  const claims: Record<string, readonly string[]> = {};
  for (const [, target = '', words = ''] of rows)
    claims[target] = words
      .split(', ')
      .flatMap((word) => claims[/^and those of (\S+)$/.exec(word)?.[1] ?? ''] ?? [word]);
  return { text, bases, claims };
}

/** Tags of the images of this working tree; compose.yaml starts the first two under these names. */
export type RoleImages = Readonly<Record<'api' | 'worker' | 'all-in-one', string>>;

const IMAGES: RoleImages = {
  api: 'qwen-edit-api:local',
  worker: 'qwen-edit-worker:local',
  'all-in-one': 'qwen-edit-all-in-one:local',
};

/** What a build of this working tree is labelled with. Without git, what the Dockerfile says of an unknown commit. */
async function buildArguments(): Promise<readonly string[]> {
  const asked = await run('git', ['log', '-1', '--format=%H %cI'], { cwd: root }).catch(() => undefined);
  const [revision, created] = (asked?.stdout ?? '').trim().split(' ');
  return created === undefined ? [] : ['--build-arg', `REVISION=${revision}`, '--build-arg', `CREATED=${created}`];
}

/** Builds every target. One after the other: they share most of their stages. */
export async function buildRoleImages(): Promise<RoleImages> {
  const given = ['build', '--quiet', '--file', FILE, ...(await buildArguments())];
  for (const [target, tag] of Object.entries(IMAGES))
    await run('docker', [...given, '--target', target, '--tag', tag, '.'], { cwd: root });
  return IMAGES;
}
