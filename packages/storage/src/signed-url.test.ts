import { describe, expect, it } from 'vitest';
import { type SignedTerms, signUrl, verifySignedUrl } from './signed-url.ts';

const secret = 'sixteen bytes or more';
const signing = { secret, baseUrl: 'https://edit.example/base/' };
const now = new Date('2026-01-01T00:00:00Z');
const expires = now.getTime() / 1000 + 60;
const GET: SignedTerms = { method: 'GET', key: 'jobs/1/0.png', expires };
const verify = (url: string, method = 'GET', at = now) => verifySignedUrl(url, { method, secret, now: at });
const invalid = expect.objectContaining({ code: 'signature_invalid' });
const refusal = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (thrown) {
    return thrown;
  }
};

describe('a signed address', () => {
  it.each<SignedTerms>([
    GET,
    { ...GET, mediaType: 'image/png; charset=x', fileName: 'Bär & "co"\n100%.png' },
    { method: 'PUT', key: 'u', expires, bytes: 0, maxBytes: 5, mediaType: 'image/webp' },
  ])('gives back what was signed: %j', (terms) => {
    const url = signUrl(terms, signing);
    expect(url.startsWith(`https://edit.example/base/v1/objects/${terms.key}?method=${terms.method}&`)).toBe(true);
    expect(verify(url, terms.method)).toEqual(terms);
    expect(verify(url.replace('https://edit.example/base', ''), terms.method)).toEqual(terms);
  });

  it('takes its base when it is made, where that is known late', () => {
    expect(signUrl(GET, { secret, baseUrl: () => 'http://127.0.0.1:7860' })).toMatch(/^http:\/\/127.0.0.1:7860\/v1\//);
  });

  it('for GET allows HEAD, and no other method', () => {
    const url = signUrl(GET, signing);
    expect(verify(url, 'HEAD')).toEqual(GET);
    for (const method of ['PUT', 'POST', 'DELETE', '']) expect(refusal(() => verify(url, method))).toEqual(invalid);
    const put = signUrl({ ...GET, method: 'PUT' }, signing);
    for (const method of ['GET', 'HEAD']) expect(refusal(() => verify(put, method))).toEqual(invalid);
  });

  it('ends at its second', () => {
    const url = signUrl(GET, signing);
    verify(url, 'GET', new Date(expires * 1000 - 1));
    expect(refusal(() => verify(url, 'GET', new Date(expires * 1000)))).toEqual(invalid);
    expect(refusal(() => verify(url, 'GET', new Date(Number.NaN)))).toEqual(invalid);
  });

  it('is void once any of it is changed', () => {
    const terms: SignedTerms = { ...GET, method: 'PUT', mediaType: 'image/png', maxBytes: 10, bytes: 3, fileName: 'f' };
    const url = signUrl(terms, signing);
    const changes: [string | RegExp, string][] = [
      ['jobs/1', 'jobs/2'],
      ['method=PUT', 'method=GET'],
      [/expires=\d+/, 'expires=9999999999'],
      ['max_bytes=10', 'max_bytes=99'],
      ['&max_bytes=10', ''],
      ['bytes=3', 'bytes=4'],
      ['image%2Fpng', 'text%2Fhtml'],
      ['file_name=f', 'file_name=g'],
      [/signature=.*/, 'signature='],
      [/&signature=.*/, ''],
      [/signature=./, 'signature=*'],
      [/$/, '&extra=1'],
      [/$/, '&max_bytes=99'],
      ['?method=PUT', '?max_bytes=99&method=PUT'],
      ['/v1/objects/jobs', '/v1/objects/../objects/./jobs/..'],
      ['/v1/objects/', '/v1/other/'],
    ];
    for (const [from, to] of changes) {
      const changed = url.replace(from, to);
      expect(changed).not.toBe(url);
      expect(refusal(() => verify(changed, 'PUT'))).toEqual(invalid);
    }
    expect(refusal(() => verifySignedUrl(url, { method: 'PUT', secret: `${secret}!`, now }))).toEqual(invalid);
  });

  it('is not signed with a secret that can be guessed, nor for a key that is none', () => {
    expect(() => signUrl(GET, { ...signing, secret: 'short' })).toThrow(/fewer than 16 bytes/);
    expect(() => signUrl({ ...GET, key: '../x' }, signing)).toThrow(/cannot be the key/);
  });
});
