import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { environment } from '../config.ts';
import { queryOnce } from '../db/query.ts';
import { withDatabaseName } from '../db/template.ts';
import { findViolations } from '../faults/invariants.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { apiOf, getJob, submitPrompt, untilEnded, untilStep, untilSucceeded } from './calls.ts';
import { docker } from './containers.ts';
import { type Deployment, startDeployment } from './deployment.ts';
import { PARTS } from './system.ts';

const root = join(import.meta.dirname, '../..');

/** The commands below a heading of docs/backup.md, in order. */
async function commandsOf(heading: string): Promise<readonly string[]> {
  const page = await readFile(join(root, 'docs/backup.md'), 'utf8');
  const [, after = ''] = page.split(`\n${heading}\n`);
  const [section = ''] = after.split(/\n#{2,3} /);
  const blocks = [...section.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .trim()
      .split('\n')
      .map((line) => line.trim()),
  );
}

it('docs/backup.md has the commands that are tested here', async () => {
  expect(await commandsOf('### Take it')).toEqual([
    expect.stringMatching(/^pg_dump /),
    expect.stringMatching(/^mc mirror /),
  ]);
  expect(await commandsOf('### Restore it')).toEqual([
    expect.stringMatching(/^pg_restore /),
    expect.stringMatching(/^mc mirror /),
    'qwen-edit migrate',
    'qwen-edit storage verify',
  ]);
});

describe.each(await containerSuites(['PostgreSQL, MinIO and SQS']))('the recipe on %s', () => {
  let system: Deployment;
  let shell: (command: string) => Promise<{ readonly code: number; readonly output: string }>;
  beforeAll(async () => {
    // A busy machine may take a lease of seconds away, and with it the state that the dump is to have.
    system = await startDeployment({ QWEN_EDIT_LEASE_SECONDS: '20' });
    shell = await makeShell(system);
  });
  afterAll(() => system?.remove());
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.error(system?.lastOutput())));

  async function runs(commands: readonly string[]): Promise<void> {
    for (const command of commands) {
      const { code, output } = await shell(command);
      expect(code, `${command}\n${output}`).toBe(0);
    }
  }

  it('restores a database whose bucket is behind and ahead: what is missing is named, and all else is as promised', async () => {
    const url = await system.databaseUrl();
    // Two will be busy with jobs that stay.
    await system.start('worker');
    const kept = await submitPrompt(system, 'hello');
    await untilSucceeded(system, kept.id);
    const running = await submitPrompt(system, `stay once:${crypto.randomUUID()} at:2`);
    await untilStep(system, running.id, 2);
    const [dump = '', mirror = ''] = await commandsOf('### Take it');
    // The wrong order: what comes between the two is what the bucket is behind by.
    await runs([mirror]);
    const lostResult = await submitPrompt(system, 'hello');
    await untilSucceeded(system, lostResult.id);
    const lostInput = await submitPrompt(system, `stay once:${crypto.randomUUID()} at:2`);
    await untilStep(system, lostInput.id, 2);
    await runs([dump]);
    const keysOf = async (id: string): Promise<string[]> => {
      const query = `select key from assets where job_id = $1 or id in (select asset_id from job_inputs where job_id = $1) order by key`;
      return (await queryOnce<{ key: string }>(url, query, [id])).map(({ key }) => key);
    };
    const lostKeys = [...(await keysOf(lostInput.id)), ...(await keysOf(lostResult.id))].sort();
    expect(lostKeys).toHaveLength(3);
    const unknown = await submitPrompt(system, 'hello');
    await untilSucceeded(system, unknown.id);
    const orphans = await keysOf(unknown.id);

    // Everything is lost, but what is newer in the bucket than the dump.
    await Promise.all(system.everyone().map((member) => member.stop('SIGKILL')));
    await queryOnce(url, 'drop schema public, drizzle cascade');
    await queryOnce(url, 'create schema public');
    await runs(['mc rm --recursive --force "$STORE"']);
    const [restore = '', back = '', migrate = '', verify = ''] = await commandsOf('### Restore it');
    await runs([restore, back, migrate]);
    for (const key of orphans) await system.objects.plant(key);

    const found = await shell(`${verify} --json`);
    expect(found.code).toBe(1);
    const lines = found.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      lines
        .slice(0, -1)
        .map(({ problem, key }) => `${problem} ${key}`)
        .sort(),
    ).toEqual(lostKeys.map((key) => `missing ${key}`));
    expect(
      lines.find(({ kind, jobs }) => kind === 'input' && JSON.stringify(jobs).includes(lostInput.id)),
    ).toMatchObject({
      jobs: [{ id: lostInput.id, status: 'running' }],
    });
    expect(lines.at(-1)).toMatchObject({ missing: 3, changed: 0, orphans: orphans.length });

    for (const part of PARTS) await system.start(part);
    system.accepted.delete(unknown.id);
    expect((await fetch(`${apiOf(system)}/v1/jobs/${unknown.id}`)).status).toBe(404);
    expect(await untilEnded(system, lostInput.id)).toMatchObject({
      status: 'failed',
      error: { code: 'input_missing' },
    });
    expect(await getJob(system, lostResult.id)).toMatchObject({ status: 'succeeded' });
    const result = await fetch(`${apiOf(system)}/v1/jobs/${lostResult.id}/outputs/0`);
    expect(result.status).toBe(404);
    await untilSucceeded(system, running.id);
    await untilSucceeded(system, kept.id);
    await untilSucceeded(system, (await submitPrompt(system, 'hello')).id);

    const violations = await findViolations({
      databaseUrl: url,
      objects: system.objects,
      queues: system.queues,
      accepted: system.accepted,
      deliveries: [],
      processes: async () => [],
    });
    expect([...violations].sort()).toEqual(lostKeys.map((key) => `I4 a row points at no object: ${key}`));
  });

  it('in its order, with nothing lost but the machine, leaves nothing missing', async () => {
    const url = await system.databaseUrl();
    const made = await submitPrompt(system, 'hello');
    await untilSucceeded(system, made.id);
    await queryOnce(
      url,
      `delete from assets where key in (select key from assets where kind = 'input')
      and not exists (select from job_inputs where asset_id = assets.id)`,
    );
    const before = (await shell('qwen-edit storage verify --json')).output;
    await runs(await commandsOf('### Take it'));
    await Promise.all(system.everyone().map((member) => member.stop('SIGKILL')));
    await queryOnce(url, 'drop schema public, drizzle cascade');
    await queryOnce(url, 'create schema public');
    const [restore = '', back = '', migrate = '', verify = ''] = await commandsOf('### Restore it');
    await runs([restore, back, migrate]);
    // What the first test has lost stays lost, and nothing is added to it.
    expect((await shell(`${verify} --json`)).output).toBe(before);
    for (const part of PARTS) await system.start(part);
    await untilSucceeded(system, made.id);
    expect((await fetch(`${apiOf(system)}/v1/jobs/${made.id}/outputs/0`)).status).toBe(200);
  });

  it('one file moves a deployment to another database and another bucket’s prefix, while it runs', async () => {
    const url = await system.databaseUrl();
    const other = withDatabaseName(url, `moved_${process.pid}`);
    await queryOnce(url, `create database moved_${process.pid}`);
    const there = `DATABASE_URL='${other}' STORAGE_URL="$STORAGE_URL-moved"`;
    await runs(['qwen-edit backup moved.tar', `${there} qwen-edit restore moved.tar`]);
    const here = (await shell('qwen-edit storage verify --json')).output;
    expect((await shell(`${there} qwen-edit storage verify --json`)).output).toBe(here);
    // It is a service's now.
    const again = await shell(`${there} qwen-edit restore moved.tar`);
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('data_dir_not_empty') });
    await queryOnce(url, `drop database moved_${process.pid}`);
  });
});

/** A shell in which the programs of the page are those of the containers, and `qwen-edit` is this one. */
async function makeShell(system: Deployment) {
  const [postgres, minio] = [await serviceAddress('postgres'), await serviceAddress('minio')];
  const { hostname, port } = new URL(postgres.url);
  const containers = (await docker(['ps', '--format', '{{.ID}} {{.Ports}}'])).split('\n');
  const idOf = (published: string): string => {
    const [id] = containers.find((line) => line.includes(` 0.0.0.0:${published}->`))?.split(' ') ?? [];
    if (id === undefined) throw new Error(`no container publishes port ${published}`);
    return id;
  };
  const { accessKeyId, secretAccessKey } = minio.credentials;
  const mc = idOf(new URL(minio.endpoint).port);
  for (const alias of ['store', 'copy'])
    await docker(['exec', mc, 'mc', 'alias', 'set', alias, 'http://127.0.0.1:9000', accessKeyId, secretAccessKey]);
  const { STORAGE_URL = '', ...env } = system.env;
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(STORAGE_URL) ?? [];
  await docker(['exec', mc, 'mc', 'mb', `copy/${bucket}-copy`]);
  const prelude = `
    set -euo pipefail
    inside() { local id=$1; shift; local args=(); for each; do args+=("\${each//${hostname}:${port}/127.0.0.1:5432}"); done; docker exec -i "$id" "\${args[@]}"; }
    pg_dump() { inside ${idOf(port)} pg_dump "$@"; }
    pg_restore() { inside ${idOf(port)} pg_restore "$@"; }
    mc() { docker exec ${mc} mc "$@"; }
    qwen-edit() { "${process.execPath}" "${join(root, 'apps/cli/src/main.ts')}" "$@"; }
  `;
  const variables = { STORE: `store/${bucket}/${prefix}`, COPY: `copy/${bucket}-copy/${prefix}`, STORAGE_URL };
  return async (command: string) => {
    const child = spawn('bash', ['-c', `${prelude}\n${command}`], {
      cwd: system.folder,
      env: { ...environment, ...env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [ended, output, errors] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
    return { code: Number(ended[0]), output: ended[0] === 0 || output.startsWith('{') ? output : `${output}${errors}` };
  };
}
