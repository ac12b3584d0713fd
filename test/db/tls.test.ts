import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createDatabase } from '../../packages/db/src/index.ts';
import { startTlsServer, type TlsServer, tlsFile } from './tls-server.ts';

const ALL_BY_PASSWORD = 'host app all all scram-sha-256';
const TLS_BY_PASSWORD = 'hostssl app all all scram-sha-256';
const ROOT = `sslrootcert=${tlsFile('authority.pem')}`;
const STRANGER = `sslrootcert=${tlsFile('stranger.pem')}`;
const IP = '127.0.0.1';

let server: TlsServer;
beforeAll(async () => {
  server = await startTlsServer();
});
afterAll(() => server?.stop());

type Where = Parameters<TlsServer['address']>[0];

/** 'TLS' or 'plain' if it connects, else the error's code and sentence. */
async function outcome(where: Where): Promise<string> {
  const database = createDatabase({ url: server.address(where) });
  onTestFinished(() => database.close());
  return database.facts().then(
    ({ tls }) => (tls ? 'TLS' : 'plain'),
    ({ code, message, hint }: { code: string; message: string; hint: string }) => `${code}: ${message} ${hint}`,
  );
}

/** Each of these parameters, with what it comes to. */
async function expectOutcomes(table: Readonly<Record<string, string | RegExp>>, host?: string): Promise<void> {
  for (const [parameters, expected] of Object.entries(table)) {
    const got = await outcome({ parameters, ...(host === undefined ? {} : { host }) });
    if (typeof expected === 'string') expect(got, parameters).toBe(expected);
    else expect(got, parameters).toMatch(expected);
  }
}

describe('sslmode means what it means to libpq', () => {
  it('with a server that has no TLS', async () => {
    await server.set({ rules: [ALL_BY_PASSWORD] });
    const none = /^database_refused: .*takes no TLS.*sslmode=disable/;
    await expectOutcomes({
      '': 'plain',
      'sslmode=disable': 'plain',
      'sslmode=allow': 'plain',
      'sslmode=prefer': 'plain',
      'ssl=false': 'plain',
      'sslmode=require': none,
      'ssl=true': none,
      [`sslmode=verify-ca&${ROOT}`]: none,
      [`sslmode=verify-full&${ROOT}`]: none,
    });
  });

  it('with a server that has TLS and demands it', async () => {
    await server.set({ certificate: 'server', rules: [TLS_BY_PASSWORD] });
    const untrusted = /^database_refused: .*not from an authority that is trusted.*sslrootcert=FILE/;
    await expectOutcomes({
      '': 'TLS',
      'sslmode=allow': 'TLS',
      'sslmode=prefer': 'TLS',
      'sslmode=require': 'TLS',
      'sslmode=no-verify': 'TLS',
      'ssl=true': 'TLS',
      'uselibpqcompat=true&sslmode=require': 'TLS',
      [`sslmode=require&${ROOT}`]: 'TLS',
      [`sslmode=verify-ca&${ROOT}`]: 'TLS',
      [`sslmode=verify-full&${ROOT}`]: 'TLS',
      'sslnegotiation=direct&sslmode=require': 'TLS',
      'sslmode=prefer&channel_binding=prefer': 'TLS',
      'sslmode=disable': /^database_refused: .*without TLS.*sslmode=require/,
      'sslmode=verify-full': untrusted,
      'sslrootcert=system': untrusted,
      [`sslmode=require&${STRANGER}`]: untrusted,
      [`sslmode=verify-ca&${STRANGER}`]: untrusted,
      [`sslmode=verify-full&${STRANGER}`]: untrusted,
    });
  });

  it('with a certificate for another host name, which only verify-full looks at', async () => {
    await server.set({ certificate: 'server', rules: [TLS_BY_PASSWORD] });
    await expectOutcomes(
      {
        'sslmode=require': 'TLS',
        [`sslmode=verify-ca&${ROOT}`]: 'TLS',
        [`sslmode=verify-full&${ROOT}`]: /^database_refused: .*another host name.*IP: 127\.0\.0\.1.*verify-ca/,
      },
      IP,
    );
  });

  it('with a certificate that has expired', async () => {
    await server.set({ certificate: 'expired', rules: [TLS_BY_PASSWORD] });
    const expired = /^database_refused: .*not valid at this time.*Renew/;
    await expectOutcomes({
      'sslmode=require': 'TLS',
      [`sslmode=verify-ca&${ROOT}`]: expired,
      [`sslmode=verify-full&${ROOT}`]: expired,
    });
  });

  it('with a server that takes plain connections only from here, and one that changes its mind', async () => {
    await server.set({ certificate: 'server', rules: ['hostnossl app all all scram-sha-256'] });
    await expectOutcomes({ '': 'plain', 'sslmode=prefer': 'plain', 'sslmode=allow': 'plain' });
    const database = createDatabase({ url: server.address(), max: 2 });
    onTestFinished(() => database.close());
    const encrypted = async (): Promise<boolean> => {
      const client = await database.pool.connect();
      client.release(true);
      return client.ssl !== false;
    };
    expect(await encrypted()).toBe(false);
    await server.set({ certificate: 'server', rules: [TLS_BY_PASSWORD] });
    expect(await encrypted()).toBe(true);
    await server.set({ rules: [ALL_BY_PASSWORD] });
    expect(await encrypted()).toBe(false);
  });

  it('with a server that demands a client certificate', async () => {
    await server.set({ certificate: 'server', rules: ['hostssl app all all scram-sha-256 clientcert=verify-ca'] });
    const files = (name: string): string => `sslcert=${tlsFile(`${name}.pem`)}&sslkey=${tlsFile(`${name}.key`)}`;
    await expectOutcomes({
      [`sslmode=require&${files('client')}`]: 'TLS',
      [`sslmode=verify-full&${ROOT}&${files('client')}`]: 'TLS',
      'sslmode=require': /^database_refused: .*demands a client certificate.*sslcert=FILE/,
      [`sslmode=require&${files('foreign-client')}`]: /^database_refused: .*client certificate/,
    });
  });
});

it('each refusal that waiting does not mend has a code of its own, says what is wrong, and what to do', async () => {
  await server.set({
    rules: [
      'host app stranger all reject',
      'host app ghost all trust',
      ALL_BY_PASSWORD,
      'host none all all scram-sha-256',
    ],
  });
  const user = (name: string): Where => ({ user: name, parameters: 'sslmode=disable' });
  expect(await outcome(user('nobody'))).toMatch(/^database_refused: .*password.*28P01.*user and password in the URL/);
  expect(await outcome(user('stranger'))).toMatch(/^database_refused: .*pg_hba\.conf/);
  expect(await outcome(user('ghost'))).toMatch(/^database_refused: .*no such user.*CREATE ROLE/);
  expect(await outcome({ name: 'none' })).toMatch(/^database_refused: .*no such database.*3D000.*CREATE DATABASE/);
  expect(await outcome({ name: 'qwen_edit' })).toMatch(/^database_refused: .*no rule that lets this user in/);
});

it.each([
  ['sslmode=sometimes', 'one of disable, allow, prefer, require, verify-ca, verify-full'],
  ['sslmode=verify-ca', 'sslrootcert'],
  ['sslmode=require&sslrootcert=system', 'sslmode=verify-full'],
  ['sslmode=require&sslrootcert=/none/there.pem', 'path'],
  [`sslmode=require&sslcert=${tlsFile('client.pem')}`, 'both'],
  [`sslmode=require&sslrootcert=${tlsFile('client.key')}`, 'CERTIFICATE'],
  [`sslmode=require&sslcert=${tlsFile('client.pem')}&sslkey=${tlsFile('server.key')}`, 'belong together'],
  ['sslnegotiation=direct', 'sslmode=require'],
])('a URL with %s is refused before anything is connected to', (parameters, advice) => {
  const open = (setting: 'url' | 'directUrl') => () =>
    createDatabase({ url: 'postgres://a@127.0.0.1:1/b', [setting]: `postgres://a:secret@127.0.0.1:1/b?${parameters}` });
  expect(open('url')).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(/^DATABASE_URL /) }),
  );
  expect(open('directUrl')).toThrow(
    expect.objectContaining({ message: expect.stringMatching(/^DATABASE_DIRECT_URL /) }),
  );
  expect(open('url')).toThrow(expect.objectContaining({ hint: expect.stringContaining(advice) }));
  expect(open('url')).not.toThrow(expect.objectContaining({ message: expect.stringContaining('secret') }));
});
