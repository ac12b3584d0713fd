import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  acquireDataDirLock,
  type EmbeddedPostgresOptions,
  readDataDirLock,
  startEmbeddedPostgres,
} from '../../packages/db/src/embedded/index.ts';
import { until } from '../support/until.ts';
import { familyOf, groupOf, isRoot, living, NOBODY, processesOf, scratch, startOwner } from './owners.ts';
import { queryOnce } from './query.ts';

async function start(dataDir: string, options: Partial<EmbeddedPostgresOptions> = {}) {
  const server = await startEmbeddedPostgres({ dataDir, ...options });
  onTestFinished(() => server.stop());
  return server;
}

const remember = (url: string) => queryOnce(url, "create table kept as select 'committed' as word");
const recall = (url: string) => queryOnce<{ word: string }>(url, 'select word from kept');
const KEPT = [{ word: 'committed' }];

it('the database is UTF8 with the C.UTF-8 collation, whatever the locale of the system', async () => {
  const { url } = await start(scratch());
  const [facts] = await queryOnce(
    url,
    `select pg_encoding_to_char(encoding) as encoding, datlocprovider as provider, datlocale as locale,
       (select string_agg(w, '' order by w) from unnest(array['é', 'z', 'Z', '漢', 'a']) w) as ordered,
       upper('straße é') as upper, current_setting('timezone') as timezone, current_setting('fsync') as fsync
     from pg_database where datname = current_database()`,
  );
  expect(facts).toEqual({
    encoding: 'UTF8',
    provider: 'b',
    locale: 'C.UTF-8',
    ordered: 'Zazé漢',
    upper: 'STRASSE É'.replace('SS', 'ß'),
    timezone: 'UTC',
    fsync: 'on',
  });
});

it('it listens on 127.0.0.1 alone and has no Unix socket', async () => {
  const { url, port } = await start(scratch());
  expect(await queryOnce(url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(readFileSync('/proc/net/unix', 'utf8')).not.toContain(`PGSQL.${port}`);
  const refused = new Promise((resolve) => createConnection(port, '127.0.0.2').once('error', resolve));
  expect(await refused).toMatchObject({ code: 'ECONNREFUSED' });
});

it('passwords are in no command line and in no file that others may read, and nobody enters without one', async () => {
  const dataDir = scratch();
  const { url, pid } = await start(dataDir);
  const secretFile = join(dataDir, 'postgres', 'qwen_edit.secret');
  const secret = readFileSync(secretFile, 'utf8').trim();
  expect(secret).toMatch(/^[0-9a-f]{48}$/);
  expect(statSync(secretFile).mode & 0o077).toBe(0);
  expect(statSync(join(dataDir, 'postgres')).mode & 0o077).toBe(0);
  const { password } = new URL(url);
  for (const each of familyOf(pid)) {
    expect(readFileSync(`/proc/${each}/cmdline`, 'utf8')).not.toMatch(new RegExp(`${secret}|${password}`));
  }
  await expect(queryOnce(url.replace(password, secret), 'select 1')).rejects.toThrow('password authentication failed');
  expect(await queryOnce(url, 'select rolsuper from pg_roles where rolname = current_user')).toEqual([
    { rolsuper: false },
  ]);
});

it('data survives a clean stop, which leaves no process behind', async () => {
  const dataDir = scratch();
  const first = await start(dataDir);
  await remember(first.url);
  const family = familyOf(first.pid);
  expect(family.length).toBeGreaterThan(3);
  await Promise.all([first.stop(), first.stop()]);
  expect(living(family)).toEqual([]);
  expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
  const second = await start(dataDir);
  expect(await recall(second.url)).toEqual(KEPT);
});

it('the server is in a process group of its own and lives on when ours is interrupted', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'serve');
  expect(await owner.next()).toMatchObject({ event: 'locked' });
  const { pid = 0 } = await owner.next();
  expect(groupOf(pid)).toBe(pid);
  // What a terminal does on Ctrl-C.
  process.kill(-(owner.child.pid ?? 0), 'SIGINT');
  expect(await owner.next()).toEqual({ event: 'interrupted', server: 'answers' });
  const family = familyOf(pid);
  await owner.kill('SIGTERM');
  expect(living(family)).toEqual([]);
});

it('after a kill -9 of its owner the next start takes the server over, with what was committed', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'serve');
  await owner.next();
  const orphan = await owner.next();
  await remember(orphan.url ?? '');
  await owner.kill('SIGKILL');
  const server = await start(dataDir);
  expect(server).toMatchObject({ adopted: true, pid: orphan.pid, url: orphan.url });
  expect(await recall(server.url)).toEqual(KEPT);
  const family = familyOf(server.pid);
  await server.stop();
  expect(living(family)).toEqual([]);
});

it('a server that was left running and lets nobody in is replaced', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'serve');
  await owner.next();
  const { pid = 0, url = '' } = await owner.next();
  await remember(url);
  await owner.kill('SIGKILL');
  const access = join(dataDir, 'postgres', 'pg_hba.conf');
  const before = readFileSync(access, 'utf8');
  writeFileSync(access, 'host all all all reject\n');
  process.kill(pid, 'SIGHUP');
  await expect
    .poll(() =>
      queryOnce(url, 'select 1').then(
        () => 'open',
        () => 'closed',
      ),
    )
    .toBe('closed');
  writeFileSync(access, before);
  const server = await start(dataDir);
  expect(server.adopted).toBe(false);
  expect(living([pid])).toEqual([]);
  expect(await recall(server.url)).toEqual(KEPT);
});

it('after a kill -9 of owner and server alike the next start recovers, though another process has the old id', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'serve');
  await owner.next();
  const { pid = 0, url = '' } = await owner.next();
  await remember(url);
  await owner.kill('SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until(() => living([pid]).length === 0);
  const other = spawn('sleep', ['60']);
  onTestFinished(() => void other.kill());
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(other.pid)));
  const server = await start(dataDir);
  expect(server.adopted).toBe(false);
  expect(await recall(server.url)).toEqual(KEPT);
  expect(other.exitCode ?? other.signalCode).toBeNull();
});

it('a kill -9 in the middle of the first start leaves nothing that disturbs the next', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'serve');
  await owner.next();
  const unfinished = () => readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'));
  await until(() => unfinished().some((name) => existsSync(join(dataDir, name, 'cluster', 'PG_VERSION'))));
  await owner.kill('SIGKILL');
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
  const first = await start(dataDir);
  await remember(first.url);
  await first.stop();
  const second = await start(dataDir);
  expect(await recall(second.url)).toEqual(KEPT);
  // What the killed start still wrote to while the first went by is gone by now.
  expect(unfinished()).toEqual([]);
});

it('a start that is cancelled stops what it began, and the next one works', async () => {
  const dataDir = scratch();
  const controller = new AbortController();
  const canceled = startEmbeddedPostgres({ dataDir, signal: controller.signal });
  await Promise.all([
    expect(canceled).rejects.toMatchObject({ code: 'canceled' }),
    until(() => existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).then(() => controller.abort()),
  ]);
  expect(processesOf(dataDir)).toEqual([]);
  await remember((await start(dataDir)).url);
});

it('a server that ends by itself is told once, and can then be started again', async () => {
  const dataDir = scratch();
  const reasons: string[] = [];
  const told = Promise.withResolvers<void>();
  const onExit = (reason: string) => {
    reasons.push(reason);
    told.resolve();
  };
  const server = await start(dataDir, { onExit });
  await remember(server.url);
  process.kill(server.pid, 'SIGKILL');
  await told.promise;
  await server.stop();
  expect(reasons).toEqual([expect.stringContaining('by SIGKILL')]);
  expect(await recall((await start(dataDir)).url)).toEqual(KEPT);
});

it('a path with spaces and letters of any alphabet works; one that a shell would read is refused', async () => {
  const { url } = await start(scratch("Größe 'läuft' (数据) & #1; 100%"));
  await remember(url);
  const refused = start(scratch('a$(touch b)'));
  await expect(refused).rejects.toMatchObject({
    code: 'embedded_database_failed',
    message: expect.stringContaining('path holds one of'),
  });
});

it('a cluster of another version of PostgreSQL is refused and left as it is', async () => {
  const dataDir = scratch();
  await (await start(dataDir)).stop();
  const version = join(dataDir, 'postgres', 'PG_VERSION');
  writeFileSync(version, '17\n');
  await expect(start(dataDir)).rejects.toMatchObject({
    code: 'embedded_database_failed',
    message: expect.stringContaining('made by PostgreSQL 17'),
  });
  writeFileSync(version, '18\n');
  await start(dataDir);
});

it('a folder of somebody else under the name of the cluster is refused and left as it is', async () => {
  const dataDir = scratch();
  mkdirSync(join(dataDir, 'postgres'), { recursive: true });
  writeFileSync(join(dataDir, 'postgres', 'letter.txt'), 'mine');
  await expect(start(dataDir)).rejects.toMatchObject({ code: 'embedded_database_failed' });
  expect(readFileSync(join(dataDir, 'postgres', 'letter.txt'), 'utf8')).toBe('mine');
});

it.runIf(isRoot)(
  'root starts it as another user, keeps the data when that changes, and passes closed folders',
  async () => {
    const dataDir = scratch();
    // As open as the home of a service is, while the data folder itself is closed.
    mkdirSync(dataDir, { mode: 0o700 });
    chmodSync(dirname(dataDir), 0o755);
    const first = await start(dataDir, { rootWays: ['user'] });
    await remember(first.url);
    expect(statSync(`/proc/${first.pid}`).uid).not.toBe(0);
    await first.stop();
    // Closed as /root is.
    chmodSync(dirname(dataDir), 0o700);
    await expect(start(dataDir, { rootWays: ['user'] })).rejects.toMatchObject({ code: 'embedded_database_failed' });
    const second = await start(dataDir, { rootWays: ['user-with-access'] });
    expect(await recall(second.url)).toEqual(KEPT);
    await second.stop();
    const third = await start(dataDir);
    expect(await recall(third.url)).toEqual(KEPT);
  },
);

it.runIf(isRoot)('a user who is not root starts it too', async () => {
  const dataDir = scratch();
  mkdirSync(dataDir);
  chownSync(dataDir, NOBODY.uid, NOBODY.gid);
  chmodSync(dirname(dataDir), 0o755);
  const owner = startOwner(dataDir, 'serve', NOBODY);
  expect(await owner.next()).toMatchObject({ event: 'locked' });
  const { url = '', pid } = await owner.next();
  await remember(url);
  expect(statSync(`/proc/${pid}`).uid).toBe(NOBODY.uid);
  await owner.kill('SIGTERM');
});

it('of many starters at one moment one gets the data folder, and the others learn who has it', async () => {
  const dataDir = scratch();
  const events = await Promise.all(Array.from({ length: 5 }, () => startOwner(dataDir, 'lock').next()));
  const winners = events.filter(({ event }) => event === 'locked');
  expect(winners).toHaveLength(1);
  expect(await readDataDirLock(dataDir)).toMatchObject({ pid: winners[0]?.pid, url: 'http://127.0.0.1:7860' });
  for (const { code, message } of events.filter(({ event }) => event === 'failed')) {
    expect(code).toBe('data_dir_locked');
    expect(message).toContain(`process ${winners[0]?.pid}`);
  }
});

it('the lock of a process that was killed is free, also when its id is in use again', async () => {
  const dataDir = scratch();
  const owner = startOwner(dataDir, 'lock');
  await owner.next();
  const held = await readDataDirLock(dataDir);
  expect(held).toMatchObject({ pid: owner.child.pid, task: 'lock' });
  await owner.kill('SIGKILL');
  expect(await readDataDirLock(dataDir)).toBeUndefined();
  writeFileSync(join(dataDir, 'lock.json'), JSON.stringify({ ...held, pid: process.pid }));
  expect(await readDataDirLock(dataDir)).toBeUndefined();
  const lock = await acquireDataDirLock(dataDir, { token: 'secret' });
  expect(lock.former).toEqual([{ host: hostname(), pid: process.pid }]);
  expect(statSync(join(dataDir, 'lock.json')).mode & 0o777).toBe(0o600);
  await Promise.all([lock.update({ url: 'http://127.0.0.1:1' }), lock.update({ url: 'http://127.0.0.1:2' })]);
  expect(await readDataDirLock(dataDir)).toMatchObject({
    token: 'secret',
    url: 'http://127.0.0.1:2',
    pid: process.pid,
  });
  await lock.release();
  expect(await readDataDirLock(dataDir)).toBeUndefined();
  const next = await acquireDataDirLock(dataDir);
  expect(next.former).toEqual([]);
  await next.release();
});

it('a killed holder is remembered until its work was taken over, also if the next ones are killed first', async () => {
  const dataDir = scratch();
  const killed: unknown[] = [];
  for (let times = 0; times < 2; times++) {
    const owner = startOwner(dataDir, 'lock');
    await owner.next();
    await owner.kill('SIGKILL');
    killed.push({ host: hostname(), pid: owner.child.pid });
  }
  const lock = await acquireDataDirLock(dataDir);
  expect(lock.former).toEqual(killed);
  await lock.update({ former: [] });
  expect(await readDataDirLock(dataDir)).toMatchObject({ former: [] });
  await lock.release();
});
