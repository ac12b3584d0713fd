import { expect, it } from 'vitest';
import { keysCommand } from '../../apps/cli/src/tools/keys-command.ts';
import { beginSession, lookUpApiKey, lookUpSession } from '../../packages/db/src/index.ts';
import { freshDatabase } from './harness.ts';

async function command() {
  const database = await freshDatabase();
  const run = async (...args: string[]): Promise<string> => {
    let said = '';
    const out = (text: string): void => {
      said += text;
    };
    const terminal = { out, err: out, errIsTty: false, columns: () => 80 };
    await keysCommand(args, { terminal, withDatabase: (work) => work(database) });
    return said;
  };
  return { database, run };
}

it('keys create --expires makes a key with an end, which keys list shows, before and after it', async () => {
  const { database, run } = await command();
  const secret = (await run('create', '--name', 'shop', '--expires', '90d')).trim();
  const endless = (await run('create', '--name', 'old')).trim();
  expect(await lookUpApiKey(database.db, secret)).toMatchObject({ state: 'valid' });
  const inNinetyDays = `select from api_keys where abs(extract(epoch from expires_at - created_at) - 90 * 86400) < 1`;
  expect((await database.pool.query(inNinetyDays)).rowCount).toBe(1);
  expect(await run('list')).toMatch(/in use .* shop {2}\(until 20\d\d-.*\n.*in use .* old {2}\(no end\)\n$/);

  await database.pool.query('update api_keys set expires_at = now() where expires_at is not null');
  expect(await lookUpApiKey(database.db, secret)).toEqual({ state: 'expired' });
  expect(await lookUpApiKey(database.db, endless)).toMatchObject({ state: 'valid' });
  expect(await run('list')).toMatch(/expired .* shop {2}\(since 20\d\d-/);
  const [shown] = (await run('list', '--json')).trim().split('\n');
  expect(JSON.parse(shown!)).toMatchObject({ name: 'shop', state: 'expired', expires_at: expect.any(String) });
});

it('keys create refuses an end that has passed, and one that it cannot read, and makes no key', async () => {
  const { database, run } = await command();
  for (const end of ['2020-01-01', 'tomorrow', '0d'])
    await expect(run('create', '--name', 'x', '--expires', end), end).rejects.toMatchObject({ code: 'usage' });
  expect((await database.pool.query('select from api_keys')).rowCount).toBe(0);
});

it('a key has at most a hundred sessions: the newest', async () => {
  const { database, run } = await command();
  const { db, pool } = database;
  const { id } = JSON.parse(await run('create', '--name', 'x', '--json')) as { id: string };
  const first = await beginSession(db, { keyId: id }, 60_000);
  for (let n = 0; n < 100; n++) await beginSession(db, { keyId: id }, 60_000);
  expect((await pool.query('select from sessions')).rowCount).toBe(100);
  expect(await lookUpSession(db, first)).toEqual({ state: 'unknown' });
});
