import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string): Promise<string> => readFile(join(import.meta.dirname, '../..', path), 'utf8');

interface Job {
  readonly 'timeout-minutes'?: number;
  readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
}

interface Workflow {
  readonly permissions: unknown;
  readonly concurrency: unknown;
  readonly jobs: Readonly<Record<'test' | 'workflows', Job>>;
}

const source = await read('.github/workflows/ci.yml');
const workflow = parse(source) as Workflow;
const npmCommands = (text: string): readonly string[] => text.split('\n').filter((line) => line.startsWith('npm '));

it('the workflow on GitHub runs the npm commands of .ci/run, in their order', async () => {
  const commands = npmCommands(await read('.ci/run'));
  expect(commands).toEqual(['npm ci', 'npm test']);
  expect(workflow.jobs.test.steps.flatMap(({ run = '' }) => npmCommands(run))).toEqual(commands);
});

it('the workflow may only read, ends in time, and gives way to a newer run', () => {
  expect(workflow.permissions).toEqual({ contents: 'read' });
  expect(workflow.concurrency).toHaveProperty('cancel-in-progress');
  for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeLessThanOrEqual(60);
});

it('every action of the workflow is pinned to a commit, with its version beside it', () => {
  const uses = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap((step) => step.uses ?? []));
  expect(uses.length).toBeGreaterThan(0);
  for (const action of uses) {
    expect(action).toMatch(/@[0-9a-f]{40}$/);
    expect(source).toMatch(new RegExp(`${action} # v\\d+\\.\\d+\\.\\d+\n`));
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
