import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { readArchive } from '../../apps/cli/src/backup/archive-reader.ts';
import { contentOfBackup, killWhen, mostMemory, sizeOfFile, writeLargeBackup } from './backup-files.ts';
import { apiOf, getJob, newPicture, postJson, submitPrompt, untilEnded, untilStep, untilSucceeded } from './calls.ts';
import { endDatabase, startEmbedded } from './embedded.ts';
import { runCommand } from './processes.ts';
import { stayOnce } from './suites/stops.ts';
import { pollUntil } from './waiting.ts';
import { expectInvariants } from './witnesses.ts';

const MIB = 2 ** 20;
/** More than a process that holds no picture ever takes; it took up to 200 MiB. */
const PICTURE = 320 * MIB;
const { signal } = new AbortController();

async function makeFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-backup-')));
  onTestFinished(async () => {
    for (const name of await readdir(folder)) endDatabase(join(folder, name));
    await pollUntil('the end of a database', () => rm(folder, { recursive: true, force: true }).then(() => true));
  });
  return folder;
}

const run = (folder: string, ...args: string[]) => runCommand(args, {}, folder);

/** Runs a command to its end, which has to be this one. */
async function ran(code: number, folder: string, ...args: string[]): Promise<string> {
  const command = run(folder, ...args);
  expect(await command.ended, command.output()).toBe(code);
  return command.output();
}

describe('a service under load', async () => {
  // A busy machine may take a lease of seconds away, and with it the state that the backup is to have.
  const system = await startEmbedded({ QWEN_EDIT_LEASE_SECONDS: '60' });
  afterAll(() => system.remove());
  const data = join(system.folder, 'data');
  const file = join(system.folder, 'b.tar');

  it('is backed up while it runs, lost, and restored: every job goes on or has its result, and nothing is told twice', async () => {
    const told = await submitPrompt(system, 'hello', { webhook_url: system.outside.hook('told') });
    await untilSucceeded(system, told.id);
    await system.outside.untilReceived('told');
    await pollUntil('a delivery that is noted', async () => {
      const response = await fetch(`${apiOf(system)}/v1/jobs/${told.id}/webhooks`);
      return (await response.text()).includes('"delivered"');
    });
    const keyed = { prompt: 'hello', images: [(await newPicture()).toString('base64')] };
    const withKey = { headers: { 'idempotency-key': 'once' } };
    const first = (await (await postJson(`${apiOf(system)}/v1/jobs`, keyed, withKey)).json()) as { id: string };
    const running = await submitPrompt(system, stayOnce());
    await untilStep(system, running.id, 2);
    const waiting = await submitPrompt(system, 'hello', { webhook_url: system.outside.hook('waiting') });
    const before = [told.id, first.id, running.id, waiting.id];

    let loading = true;
    const later: string[] = [];
    const load = (async () => {
      while (loading) later.push((await submitPrompt(system, 'hello')).id);
    })();
    await pollUntil('load', () => later.length > 5);
    const jobsBefore = [...before, ...later];
    await ran(0, system.folder, 'backup', file, '--data-dir', data);
    const made = later.length;
    await pollUntil('jobs after the backup', () => later.length > made + 3);
    loading = false;
    await load;

    // The machine is lost.
    await Promise.all(system.everyone().map((member) => member.stop('SIGKILL')));
    endDatabase(data);
    await pollUntil('the end of the database', () => !existsSync(join(data, 'postgres/postmaster.pid')));
    await rename(data, `${data}.lost`);
    const { rows } = await contentOfBackup(file);
    const idsOf = (table: string, column: string): string[] =>
      (rows[table] ?? []).map((row) => (JSON.parse(row) as Record<string, string>)[column] ?? '');
    const jobs = idsOf('jobs', 'id');
    expect(jobs).toEqual(expect.arrayContaining(jobsBefore));
    expect(jobs).not.toContain(later.at(-1));

    await ran(0, system.folder, 'restore', file, '--data-dir', data);
    await system.start('worker');
    // What the backup does not know has never been, for the service.
    expect((await fetch(`${apiOf(system)}/v1/jobs/${later.at(-1)}`)).status).toBe(404);
    system.accepted.clear();
    for (const id of jobs) system.accepted.add(id);
    const known = new Set(idsOf('webhook_deliveries', 'id'));
    const received = system.outside.received as unknown as { headers: Record<string, string> }[];
    received.splice(0, received.length, ...received.filter(({ headers }) => known.has(headers['webhook-id'] ?? '')));

    const again = (await (await postJson(`${apiOf(system)}/v1/jobs`, keyed, withKey)).json()) as { id: string };
    expect(again.id).toBe(first.id);
    expect(await untilSucceeded(system, running.id)).toMatchObject({ attempt: 2 });
    await untilSucceeded(system, waiting.id);
    await system.outside.untilReceived('waiting');
    expect(await getJob(system, told.id)).toMatchObject({ status: 'succeeded' });
    const [output] = (await getJob(system, told.id)).output ?? [];
    expect((await fetch(`${apiOf(system)}/v1/jobs/${told.id}/outputs/0`)).status, JSON.stringify(output)).toBe(200);
    for (const id of jobs) await untilEnded(system, id);
    await expectInvariants(system);
    expect(system.outside.received.filter(({ name }) => name === 'told')).toHaveLength(1);
  });

  it('keeps its folder: a restore there is refused, beside it and after its end', async () => {
    const inUse = await ran(1, system.folder, 'restore', file, '--data-dir', data);
    expect(inUse).toMatch(/is in use by process \d+ at http.*\(data_dir_locked\)\nStop it/s);
    await system.stop();
    const full = await ran(1, system.folder, 'restore', file, '--data-dir', data);
    expect(full).toMatch(/is not empty.*\(data_dir_not_empty\)\nName a new folder/s);
  });

  it('that is stopped is backed up the same, and so is what was restored from that', async () => {
    const [one, two] = [join(system.folder, 'one.tar'), join(system.folder, 'two.tar')];
    await ran(0, system.folder, 'backup', one, '--data-dir', data);
    const other = join(system.folder, 'other');
    await ran(0, system.folder, 'restore', one, '--data-dir', other);
    await ran(0, system.folder, 'backup', two, '--data-dir', other);
    expect(await contentOfBackup(two)).toEqual(await contentOfBackup(one));
    expect(JSON.parse(await ran(0, system.folder, 'restore', '--check', two, '--json'))).toMatchObject({
      missing: { count: 0 },
    });
    expect(await ran(0, system.folder, 'storage', 'verify', '--data-dir', other)).toMatch(
      /: 0 are missing, 0 have another size; 0 objects/,
    );
  });
});

it('a backup that is killed at any byte leaves no file that looks whole, and the next one is made as if it had not been', async () => {
  const folder = await makeFolder();
  const [source, data, file] = [join(folder, 'source.tar'), join(folder, 'data'), join(folder, 'b.tar')];
  await writeLargeBackup(source, 6, 32 * MIB);
  await ran(0, folder, 'restore', source, '--data-dir', data);
  const total = await sizeOfFile(source);
  let kills = 0;
  for (const share of [0, 0.01, 0.2, 0.4, 0.6, 0.8, 0.95]) {
    const backup = run(folder, 'backup', file, '--data-dir', data);
    const wrote = async (): Promise<boolean> =>
      existsSync(`${file}.part`) && (await sizeOfFile(`${file}.part`)) >= share * total;
    if (!(await killWhen(backup, wrote))) continue;
    kills += 1;
    // It may have been so fast that it was done.
    if (existsSync(file)) await readArchive(file, {}, signal);
    if (existsSync(`${file}.part`))
      await expect(readArchive(`${file}.part`, {}, signal)).rejects.toMatchObject({ code: 'backup_damaged' });
    await rm(file, { force: true });
  }
  expect(kills).toBeGreaterThan(3);
  await ran(0, folder, 'backup', file, '--data-dir', data);
  expect(await contentOfBackup(file)).toEqual({
    ...(await contentOfBackup(source)),
    rows: { assets: expect.any(Array) },
    facts: expect.objectContaining({ objects: 6, missing: { count: 0, keys: [] } }),
  });
  expect((await readdir(folder)).sort()).toEqual(['b.tar', 'data', 'source.tar']);
});

it('a restore that is killed at any point leaves nothing that a service could use, and is repeated', async () => {
  const folder = await makeFolder();
  const [source, data] = [join(folder, 'source.tar'), join(folder, 'data')];
  await writeLargeBackup(source, 1, PICTURE);
  const written = async (): Promise<number> => {
    const objects = join(data, 'objects/~tmp');
    const names = await readdir(objects).catch(() => []);
    return (await Promise.all(names.map((name) => sizeOfFile(join(objects, name))))).reduce((a, b) => a + b, 0);
  };
  const points: readonly [string, () => Promise<boolean>][] = [
    ['its mark', async () => existsSync(join(data, 'restoring'))],
    ['the database', async () => existsSync(join(data, 'postgres'))],
    ['the server', async () => existsSync(join(data, 'postgres/postmaster.pid'))],
    ['the first bytes', async () => (await written()) > 0],
    ['half of the picture', async () => (await written()) > 200 * MIB],
    ['the picture', async () => existsSync(join(data, 'objects/inputs/asset_0'))],
  ];
  let kills = 0;
  for (const [at, reached] of points) {
    if (!(await killWhen(run(folder, 'restore', source, '--data-dir', data), reached))) break;
    kills += 1;
    if (!existsSync(join(data, 'restoring'))) break;
    const said = await ran(1, folder, 'serve', '--data-dir', data, '--port', '0');
    expect(said, at).toMatch(
      /The restore into .* has not ended.*\(embedded_database_failed\)\nWait for it, or repeat/s,
    );
  }
  expect(kills).toBeGreaterThan(4);
  // What somebody has put there meanwhile is nobody's to remove, and in the way.
  if (existsSync(join(data, 'restoring'))) {
    await writeFile(join(data, 'notes.txt'), 'mine');
    await ran(1, folder, 'restore', source, '--data-dir', data);
    expect(existsSync(join(data, 'notes.txt'))).toBe(true);
    await rm(join(data, 'notes.txt'));
    const last = run(folder, 'restore', source, '--data-dir', data);
    const memory = await mostMemory(last);
    expect(await last.ended, last.output()).toBe(0);
    if (memory !== undefined) expect(memory).toBeLessThan(PICTURE);
  }
  const backup = run(folder, 'backup', join(folder, 'b.tar'), '--data-dir', data);
  const memory = await mostMemory(backup);
  expect(await backup.ended, backup.output()).toBe(0);
  if (memory !== undefined) expect(memory).toBeLessThan(PICTURE);
  expect((await contentOfBackup(join(folder, 'b.tar'))).objects).toEqual((await contentOfBackup(source)).objects);
});

it('a restore that is stopped, or whose file is damaged, leaves the folder empty', async () => {
  const folder = await makeFolder();
  const [source, data] = [join(folder, 'source.tar'), join(folder, 'data')];
  await writeLargeBackup(source, 2, 96 * MIB);
  const command = run(folder, 'restore', source, '--data-dir', data);
  await pollUntil('the first picture', () => existsSync(join(data, 'objects/inputs/asset_0')));
  expect(await command.stop('SIGTERM')).toBe(143);
  expect((await readdir(data)).filter((name) => name !== 'lock')).toEqual([]);

  await truncate(source, (await sizeOfFile(source)) - 4096);
  expect(await ran(1, folder, 'restore', source, '--data-dir', data)).toMatch(
    /is no whole backup.*\(backup_damaged\)/s,
  );
  expect((await readdir(data)).filter((name) => name !== 'lock')).toEqual([]);
});

it('a command that is called wrongly, or for a folder without a service, says so and makes nothing', async () => {
  const folder = await makeFolder();
  await mkdir(join(folder, 'none'));
  expect(await ran(2, folder, 'backup')).toMatch(/needs the name of a file/);
  expect(await ran(2, folder, 'backup', 'b.tar', '--data-dir', 'none')).toMatch(/There is no database in .*none/);
  expect(await ran(1, folder, 'restore', 'b.tar', '--data-dir', 'new')).toMatch(/cannot be read.*\(backup_damaged\)/);
  expect(await ran(2, folder, 'storage')).toMatch(/needs the word verify/);
  expect(await readdir(folder)).toEqual(['none']);
  expect(await readdir(join(folder, 'none'))).toEqual([]);
});
