import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly 'timeout-minutes'?: number;
  /** Another workflow, in place of steps. */
  readonly uses?: string;
  readonly steps?: readonly Step[];
  readonly permissions?: Readonly<Record<string, string>>;
}

interface Workflow {
  readonly permissions: unknown;
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': unknown };
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const names = (await readdir(join(root, FOLDER))).sort();
const sources = await Promise.all(names.map((name) => read(`${FOLDER}/${name}`)));
const workflows = names.map((name, i) => {
  const source = sources[i] ?? '';
  return { name, source, workflow: parse(source) as Workflow };
});
const ci = workflows.find(({ name }) => name === 'ci.yml')?.workflow;
const npmCommands = (text: string): readonly string[] => text.split('\n').filter((line) => line.startsWith('npm '));

it('there is a workflow for the checks, the images, releases and the documents', () => {
  expect(names).toEqual(['ci.yml', 'docs.yml', 'images.yml', 'release.yml']);
});

it('the workflow on GitHub runs the npm commands of .ci/run, in their order, with the same programs and a cluster', async () => {
  const run = await read('.ci/run');
  const commands = npmCommands(run);
  expect(commands).toEqual(['npm ci', 'npm test']);
  const steps = ci?.jobs.test?.steps ?? [];
  expect(steps.flatMap((step) => npmCommands(step.run ?? ''))).toEqual(commands);
  const all = steps.map((step) => step.run ?? '').join('\n');
  // What these name would be left out elsewhere, and is an error with CI set.
  for (const text of [run, all]) {
    expect(text).toContain('infra/tools.sh "$QWEN_EDIT_TEST_TOOLS"');
    expect(text).toContain('QWEN_EDIT_TEST_KUBECONFIG=');
    expect(text).toMatch(/apply --server-side --recursive -f "\$QWEN_EDIT_TEST_TOOLS\/crds"/);
  }
});

/** What a job may do beyond reading, and why it has to. */
const WRITES = {
  packages: /docker login|helm registry login|images\.yml/,
  contents: /gh release create/,
  'id-token': /attest-build-provenance|images\.yml/,
  attestations: /attest-build-provenance|images\.yml/,
} as const;

it.each(workflows)('$name may only read, but for jobs that push or sign; it ends in time', ({ workflow }) => {
  expect(workflow.permissions).toEqual({ contents: 'read' });
  for (const job of Object.values(workflow.jobs)) {
    if (job.uses === undefined) expect(job['timeout-minutes']).toBeLessThanOrEqual(60);
    const does = JSON.stringify(job);
    for (const [name, right] of Object.entries(job.permissions ?? {})) {
      if (right === 'read') continue;
      expect(right).toBe('write');
      expect(WRITES, name).toHaveProperty(name);
      expect(does, `the job may write ${name}`).toMatch(WRITES[name as keyof typeof WRITES]);
    }
  }
});

it('a newer run of a pull request takes the place of the older, a release is never cut, and no group is that of a caller', () => {
  for (const { name, workflow } of workflows) {
    const { group, 'cancel-in-progress': cancels } = workflow.concurrency;
    // A workflow that another calls would wait for its caller, or end it, in a group named after the workflow that runs.
    expect(group).toMatch(new RegExp(`^${name.replace('.yml', '')}-`));
    expect(group).not.toContain('github.workflow');
    expect(cancels, name).toEqual(
      { 'docs.yml': true, 'release.yml': false }[name] ??
        expect.stringContaining("github.event_name == 'pull_request'"),
    );
  }
});

it.each(workflows)(
  'every action of $name is pinned to a commit, with its version beside it',
  ({ source, workflow }) => {
    const uses = Object.values(workflow.jobs).flatMap((job) => [
      ...(job.uses === undefined ? [] : [job.uses]),
      ...(job.steps ?? []).flatMap((step) => step.uses ?? []),
    ]);
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) {
      // A workflow of this repository is of the same commit.
      if (action.startsWith('./')) continue;
      expect(action).toMatch(/@[0-9a-f]{40}$/);
      expect(source).toMatch(new RegExp(`${action} # v\\d+\\.\\d+\\.\\d+\n`));
    }
  },
);

it('one action is pinned to one commit in all workflows, and no checkout leaves its credentials behind', () => {
  const pins = new Map<string, Set<string>>();
  for (const { uses = '', with: given } of workflows.flatMap(({ workflow }) =>
    Object.values(workflow.jobs).flatMap((job) => job.steps ?? []),
  )) {
    const [action = '', commit = ''] = uses.split('@');
    if (action !== '') pins.set(action, (pins.get(action) ?? new Set()).add(commit));
    if (action === 'actions/checkout') expect(given).toMatchObject({ 'persist-credentials': false });
  }
  expect([...pins].filter(([, commits]) => commits.size > 1)).toEqual([]);
});

it.each(workflows)('what $name runs is in this repository', async ({ workflow }) => {
  const runs = Object.values(workflow.jobs).flatMap((job) => (job.steps ?? []).map((step) => step.run ?? ''));
  const paths = runs.flatMap((run) => run.match(/\b(?:infra|scripts)\/[\w./-]+/g) ?? []);
  // A folder of the chart is no file to read.
  for (const path of paths)
    await readFile(join(root, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EISDIR') throw error;
    });
});

it('a release names every image that the Dockerfile makes', async () => {
  const targets = [...(await read('infra/docker/Dockerfile')).matchAll(/^# {3}([\w-]+) {2,}/gm)].map(
    ([, name]) => name,
  );
  const images = workflows.find(({ name }) => name === 'images.yml');
  const rows = [...(images?.source.matchAll(/image: ([\w-]+), archs: ([\w ]+)/g) ?? [])];
  const named = (target: string | undefined) => (target === 'all-in-one' ? 'qwen-edit' : `qwen-edit-${target}`);
  expect(rows.map(([, image]) => image).sort()).toEqual(targets.map(named).sort());
  for (const [, image = '', archs = ''] of rows) {
    const target = targets.find((each) => named(each) === image);
    const built = [...(images?.source.matchAll(/arch: (\w+), targets: ([\w -]+)/g) ?? [])]
      .filter(([, , list = '']) =>
        list
          .trim()
          .split(' ')
          .includes(target ?? ''),
      )
      .map(([, arch]) => arch);
    expect(built, image).toEqual(archs.trim().split(' '));
  }
});

it('updates are proposed for npm, the actions and the images', async () => {
  const { updates } = parse(await read('.github/dependabot.yml')) as { updates: { 'package-ecosystem': string }[] };
  expect(updates.map((update) => update['package-ecosystem'])).toEqual([
    'npm',
    'github-actions',
    'docker',
    'docker-compose',
  ]);
});
