import { expect, it } from 'vitest';
import { readUsableConfig } from '../../apps/cli/src/config.ts';
import type { DoctorDeps } from '../../apps/cli/src/doctor/check.ts';
import { checkDatabase } from '../../apps/cli/src/doctor/checks/database.ts';
import { emptyUrl, freshUrl } from './harness.ts';
import { queryOnce } from './query.ts';

const never = new AbortController().signal;

async function linesFor(environment: Readonly<Record<string, string>>, now = Date.now): Promise<string[]> {
  const { config } = readUsableConfig({ QWEN_EDIT_DATA_DIR: '/nowhere', ...environment });
  const findings = await checkDatabase({ config, now } as DoctorDeps, never);
  return findings.map(({ status, code, message }) => `${status} ${code ?? ''} ${message}`);
}

it('a database of this version is sound: its version, its connections and its schema are told', async () => {
  const lines = await linesFor({ DATABASE_URL: await freshUrl(), DATABASE_POOL_SIZE: '1' });
  expect(lines).toEqual([
    expect.stringMatching(/^ok {2}PostgreSQL \d+\.\d+.*; \d+ of \d+ connections are in use$/),
    expect.stringMatching(/^ok {2}the schema is that of this version \(\d{4}_\w+\)$/),
  ]);
});

it('one without a schema is told, and is not migrated', async () => {
  const DATABASE_URL = await emptyUrl();
  for (let i = 0; i < 2; i++)
    expect(await linesFor({ DATABASE_URL })).toContainEqual(
      expect.stringContaining('problem migration_needed The database lacks'),
    );
});

it('one that a later version has migrated is told', async () => {
  const url = await freshUrl();
  await queryOnce(
    url,
    `insert into drizzle.__drizzle_migrations (hash, created_at, tag, version, needs)
     values ('of the future', 9000000000000, '0099_more', '9.1.0', null)`,
  );
  expect(await linesFor({ DATABASE_URL: url })).toContainEqual(
    expect.stringMatching(/^note .*0099_more by version 9\.1\.0/),
  );
});

it('a pool that is larger than what is left, a read-only database and a clock that is off are told', async () => {
  const url = await freshUrl();
  const name = new URL(url).pathname.slice(1);
  await queryOnce(url, `alter database "${name}" set default_transaction_read_only = on`);
  const lines = await linesFor({ DATABASE_URL: url, DATABASE_POOL_SIZE: '1000' }, () => Date.now() - 3_600_000);
  expect(lines).toContainEqual(expect.stringMatching(/^note .* wants up to 1000/));
  expect(lines).toContainEqual(expect.stringMatching(/^problem .*read-only/));
  expect(lines).toContainEqual(expect.stringMatching(/^note .*clock of the database is 3[56]\d\d s ahead/));
});

it('a password that is refused, and a name that does not exist, are told without the password', async () => {
  const url = new URL(await freshUrl());
  url.password = 'not-the-password';
  const lines = await linesFor({ DATABASE_URL: url.href });
  expect(lines).toEqual([expect.stringMatching(/^problem database_refused /)]);
  expect(lines.join()).not.toContain('not-the-password');
});
