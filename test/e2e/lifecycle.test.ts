import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPicture, postJson } from './calls.ts';
import { databasePid, endDatabase } from './embedded.ts';
import { processesWith } from './process-table.ts';
import { type RunningCommand, runCommand } from './processes.ts';
import { prepare } from './system.ts';
import { pollUntil } from './waiting.ts';

let folder = '';
let dataDir = '';
let env: Record<string, string> = {};
beforeAll(async () => {
  ({ folder, env } = await prepare());
  dataDir = join(folder, 'data');
});
afterAll(async () => {
  endDatabase(dataDir);
  await rm(folder, { recursive: true, force: true });
});

const run = (args: readonly string[], changes: Record<string, string> = {}, ownGroup = false): RunningCommand =>
  runCommand(args, { ...env, ...changes }, folder, { ownGroup });

async function startServe(changes: Record<string, string> = {}): Promise<{ service: RunningCommand; url: string }> {
  const service = run(['serve'], changes, true);
  const [, url = ''] = await service.until(/is ready at (\S+)/);
  return { service, url };
}

async function expectNothingLeft(): Promise<void> {
  expect(await processesWith(folder)).toEqual([]);
  expect(databasePid(dataDir)).toBe(undefined);
}

async function submit(url: string, prompt: string, headers: Record<string, string> = {}): Promise<Response> {
  const images = [(await newPicture()).toString('base64')];
  return postJson(`${url}/v1/jobs`, { prompt, images }, { headers });
}

it('api, worker and dispatcher alone need DATABASE_URL, and say so', async () => {
  const commands = ['api', 'worker', 'dispatcher'].map((role) => ({ role, command: run([role]) }));
  for (const { role, command } of commands) {
    expect(await command.ended).toBe(2);
    expect(command.output()).toBe(
      `error: qwen-edit ${role} needs DATABASE_URL (usage)\n` +
        'Set DATABASE_URL to a PostgreSQL server, or run `qwen-edit serve`, which brings its own.\n',
    );
  }
});

it('serve is not open to other machines without API keys', async () => {
  const command = run(['serve'], { HOST: '0.0.0.0' });
  expect(await command.ended).toBe(2);
  expect(command.output()).toContain('The API would be open to whoever reaches 0.0.0.0 (usage)');
  expect(command.output()).toContain('keys create');
  await expectNothingLeft();
});

describe('one data folder', () => {
  it('belongs to one serve; another is refused, and told which one has it', async () => {
    const { service, url } = await startServe();
    const second = run(['serve']);
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(`is in use by process ${service.child.pid} at ${url} (data_dir_locked)`);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await service.stop()).toBe(0);
    await expectNothingLeft();
  });

  it('Ctrl-C drains and stops everything with exit code 0, in the middle of a job too', async () => {
    const { service, url } = await startServe();
    const { id } = (await (await submit(url, 'stay at:1')).json()) as { id: string };
    await pollUntil('a running job', async () => {
      const { status } = (await (await fetch(`${url}/v1/jobs/${id}`)).json()) as { status: string };
      return status === 'running';
    });
    // A terminal sends it to the whole group.
    process.kill(-(service.child.pid ?? 0), 'SIGINT');
    expect(await service.ended).toBe(0);
    await expectNothingLeft();
    expect(service.output()).not.toMatch(/"level":(50|60)/);
  });

  it('is taken up as it is after a kill, with the database that was left running', async () => {
    const { service, url } = await startServe();
    const database = databasePid(dataDir);
    const before = (await (await fetch(`${url}/v1/jobs`)).json()) as { data: { id: string }[] };
    expect(before.data).toHaveLength(1);
    await service.stop('SIGKILL');
    expect((await processesWith(folder)).map(({ pid }) => pid)).toContain(database);

    const next = await startServe();
    expect(next.service.output()).toContain('took over the database');
    expect(databasePid(dataDir)).toBe(database);
    const after = (await (await fetch(`${next.url}/v1/jobs`)).json()) as { data: { id: string }[] };
    expect(after.data.map(({ id }) => id)).toEqual(before.data.map(({ id }) => id));
    expect(await next.service.stop()).toBe(0);
    await expectNothingLeft();
  });

  it('a key that is made beside a running service is needed from then on, also for an open address', async () => {
    const { service, url } = await startServe();
    expect((await fetch(`${url}/v1/jobs`)).status).toBe(200);
    const make = run(['keys', 'create', '--name', 'e2e', '--owner', 'ann']);
    expect(await make.ended, make.output()).toBe(0);
    const headers = { authorization: `Bearer ${make.output().trim()}` };
    await pollUntil('a refusal', async () => (await fetch(`${url}/v1/jobs`)).status === 401);
    const refused = await submit(url, 'x');
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: 'unauthorized' });

    const mine = await submit(url, 'x', headers);
    expect(mine.status).toBe(202);
    const list = (await (await fetch(`${url}/v1/jobs`, { headers })).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual([((await mine.json()) as { id: string }).id]);
    // Who may read the data folder needs no key: the command finds the service and its token.
    const command = run(['list', '--json']);
    expect(await command.ended, command.output()).toBe(0);
    expect(await service.stop()).toBe(0);

    const open = await startServe({ HOST: '0.0.0.0' });
    expect((await fetch(`${open.url}/v1/jobs`)).status).toBe(401);
    expect((await fetch(`${open.url}/v1/jobs`, { headers })).status).toBe(200);
    expect(await open.service.stop()).toBe(0);
    await expectNothingLeft();
  });
});
