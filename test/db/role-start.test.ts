import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../apps/cli/src/config.ts';
import { dispatch } from '../../apps/cli/src/dispatch.ts';
import { openBackends, requireUsableSchema } from '../../apps/cli/src/roles/backends.ts';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { createLogger, createMetrics } from '../../packages/telemetry/src/index.ts';
import { serviceAddress } from '../services.ts';
import { freshUrl } from './harness.ts';
import { systemPooler } from './pgbouncer.ts';
import { queryOnce } from './query.ts';

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [name: string]: unknown;
}
const WARN = 40;

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'qwen-edit-start-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** Starts what every role starts, and gives what it logs. */
async function startRole(environment: { readonly DATABASE_URL: string; readonly DATABASE_DIRECT_URL?: string }) {
  const config = readConfig({ ...environment, QWEN_EDIT_DATA_DIR: await folder() });
  const lines: Line[] = [];
  const log = createLogger({ level: 'info', role: 'test', write: (line) => void lines.push(JSON.parse(line) as Line) });
  const backends = await openBackends(config, {
    databaseUrl: environment.DATABASE_URL,
    signingSecret: '00',
    baseUrl: () => 'http://127.0.0.1',
    role: 'test',
    log,
    metrics: createMetrics(),
  });
  onTestFinished(() => backends.close());
  return { backends, lines, log };
}

/** Runs a command to its end. */
async function run(command: string, DATABASE_URL: string, more: Readonly<Record<string, string>> = {}) {
  const said = { out: '', err: '' };
  const environment = { ...more, DATABASE_URL, QWEN_EDIT_DATA_DIR: await folder(), QWEN_EDIT_LOG_LEVEL: 'silent' };
  const code = await dispatch([command], {
    terminal: {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      errIsTty: false,
      columns: () => 80,
    },
    version: '1.2.3',
    readConfig: (overrides) => readConfig(environment, overrides),
    setNice: () => undefined,
    demoModelDir,
    createPipeline: () => Promise.reject(new Error('no pipeline is wanted')),
    now: () => 0,
    signal: new AbortController().signal,
  });
  return { code, ...said };
}

/** As if version 9.1.0 had migrated it; `needs` says which migration programs must know. */
async function migratedLater(needs: number | null): Promise<string> {
  const url = await freshUrl();
  await queryOnce(
    url,
    `insert into drizzle.__drizzle_migrations (hash, created_at, tag, version, needs)
     values ('of the future', 9000000000000, '0099_more', '9.1.0', $1)`,
    [needs],
  );
  return url;
}

it('one line at the start says what answers at DATABASE_URL, and whether the queue is listened to', async () => {
  const url = await freshUrl();
  const direct = await startRole({ DATABASE_URL: url });
  expect(direct.lines).toMatchObject([{ msg: 'connected to the database', pooled: false, listens: true }]);
  const kind = await systemPooler();
  if (kind === undefined) return;
  const pooler = await kind.start({ url: (await serviceAddress('embedded-postgres')).url, serverConnections: 2 });
  onTestFinished(() => pooler.stop());
  const deaf = await startRole({ DATABASE_URL: pooler.through(url) });
  expect(deaf.lines).toMatchObject([{ msg: expect.stringContaining('the queue is polled'), pooled: true }]);
  expect(deaf.lines[0]?.msg).toContain('set statement_timeout of the role');
  const both = await startRole({ DATABASE_URL: pooler.through(url), DATABASE_DIRECT_URL: url });
  expect(both.lines).toMatchObject([{ msg: expect.stringContaining('listening at DATABASE_DIRECT_URL') }]);
});

it('a database of a later version is named at the start, and used if it says so', async () => {
  const usable = await startRole({ DATABASE_URL: await migratedLater(null) });
  await requireUsableSchema(usable.backends, usable.log);
  expect(usable.lines.at(-1)).toMatchObject({ level: WARN, msg: expect.stringMatching(/9\.1\.0.*may be used/) });
  const unusable = await run('dispatcher', await migratedLater(9_000_000_000_000));
  expect(unusable).toMatchObject({ code: 1, err: expect.stringMatching(/9\.1\.0.*must not be used/s) });
});

it('`migrate` says which version a database is of, and whether this program may use it', async () => {
  expect(await run('migrate', await freshUrl())).toMatchObject({
    code: 0,
    out: expect.stringContaining('up to date (0'),
  });
  const usable = await run('migrate', await migratedLater(null));
  expect(usable).toMatchObject({ code: 0, out: expect.stringMatching(/0099_more by version 9\.1\.0.*may be used/) });
  const unusable = await run('migrate', await migratedLater(9_000_000_000_000));
  expect(unusable).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('Run version 9.1.0 or a later one'),
  });
});

it('a role that the database does not let in ends with a sentence and what to do', async () => {
  const url = await freshUrl();
  const changed = (part: 'password' | 'search' | 'pathname', value: string): string => {
    const address = new URL(url);
    address[part] = value;
    return address.href;
  };
  const wrongPassword = changed('password', 'wrong');
  const noTls = changed('search', 'sslmode=require');
  const noDatabase = changed('pathname', 'qwen_edit_none');
  const wrongMode = changed('search', 'sslmode=sometimes');
  for (const [address, code, words] of [
    [wrongPassword, 1, /does not accept the password.*Check user and password/s],
    [noTls, 1, /takes no TLS.*Turn TLS on/s],
    [noDatabase, 1, /no such database.*CREATE DATABASE/s],
    [wrongMode, 2, /DATABASE_URL has the sslmode 'sometimes'.*Use one of disable/s],
  ] as const) {
    const ended = await run('worker', address);
    expect(ended).toMatchObject({ code, out: '', err: expect.stringMatching(words) });
    expect(ended.err).not.toContain('Report this');
  }
});

it('DATABASE_DIRECT_URL alone is refused, instead of another database being started', async () => {
  const ended = await run('migrate', '', { DATABASE_DIRECT_URL: 'postgres://a@127.0.0.1:1/b' });
  expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('DATABASE_URL is not') });
});
