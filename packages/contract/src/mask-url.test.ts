import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maskIfUrl, maskUrl } from './mask-url.ts';

it.each([
  ['postgres://me:secret@db:5432/edits', 'postgres://********@db:5432/edits'],
  ['postgres://db/edits', 'postgres://db/edits'],
  ['postgres://me:p@ss@db/edits', 'postgres://********@db/edits'],
  ['postgres://db/edits?sslpassword=secret', 'postgres://db/edits?********'],
  ['postgres://me:pa/ss@db/edits', 'postgres://********'],
  ['postgres://me:12/ss@db/edits', 'postgres://********'],
  ['postgres://me:12#ss@db/edits', 'postgres://********'],
  ['postgres://me:12?ss@db/edits', 'postgres://********'],
  ['http://me:12\\ss@proxy/', 'http://********'],
  ['postgres:secret@db', 'postgres:********'],
  ['secret@db', '********'],
  ['s3://KEY:SECRET@bucket/prefix', 's3://********@bucket/prefix'],
  ['s3://bucket/prefix', 's3://bucket/prefix'],
  ['file:.qwen-edit/objects', 'file:.qwen-edit/objects'],
  ['file:///srv/objects', 'file:///srv/objects'],
  ['postgres:', 'postgres:'],
  ['https://token@sqs.example/1/queue', 'https://********@sqs.example/1/queue'],
  ['', ''],
])('%s is shown as %s', (url, shown) => {
  expect(maskUrl(url)).toBe(shown);
});

it('a value that is no address is shown as it is', () => {
  expect(maskIfUrl('70000')).toBe('70000');
  expect(maskIfUrl('postgres://me:secret@db/x')).toBe('postgres://********@db/x');
});

/** No character of these is in the rest of the addresses, so that a part of the secret is one wherever it is found. */
const secretText = fc
  .array(fc.constantFrom(...'0123456789ABCDEFXYZ@@@:://??##%%\\&=+ [](){}!$,;|^~`\'"<>\t\n'), {
    minLength: 4,
    maxLength: 24,
  })
  .map((characters) => characters.join(''));
const addressWith = fc.constantFrom<(secret: string) => string>(
  (secret) => `postgres://user:${secret}@host/name`,
  (secret) => `postgres://user:${secret}@host:port/name`,
  (secret) => `postgresql://${secret}@host/name?sslmode=require`,
  (secret) => `postgres://user:${secret}@host/name?sslpassword=${secret}`,
  (secret) => `postgres:/user:${secret}@host/name`,
  (secret) => `postgres:user:${secret}@host/name`,
  (secret) => `user:${secret}@host/name`,
  (secret) => ` http://user:${secret}@host:/path`,
  (secret) => `http:\\\\user:${secret}@host/path`,
  (secret) => `s3://key:${secret}@bucket/prefix`,
  (secret) => `mailto:${secret}@host`,
);

it('no four characters of a secret are shown, whatever it holds and however the address is malformed', () => {
  fc.assert(
    fc.property(addressWith, secretText, (make, secret) => {
      for (const shown of [maskUrl(make(secret)), maskIfUrl(make(secret))])
        for (let at = 0; at + 4 <= secret.length; at++) expect(shown).not.toContain(secret.slice(at, at + 4));
    }),
    { numRuns: 3000 },
  );
});
