import { describe, expect, it } from 'vitest';
import { type Hop, nextHop } from './redirect.ts';

const RULES = { allowPrivate: false };
const HEADERS = { authorization: 'a', cookie: 'c', 'content-type': 't', 'x-own': 'x' };
const hop = (method: string, url = 'https://example.com/a/b'): Hop => ({
  url: new URL(url),
  method,
  headers: HEADERS,
  body: method === 'GET' ? null : 'body',
});
const after = (method: string, status: number, location: string | null) =>
  nextHop(hop(method), status, location, RULES);

describe('a redirect', () => {
  it.each([
    ['GET', 301, 'GET', false],
    ['POST', 301, 'GET', false],
    ['POST', 302, 'GET', false],
    ['PUT', 302, 'PUT', true],
    ['POST', 303, 'GET', false],
    ['PUT', 303, 'GET', false],
    ['HEAD', 303, 'HEAD', true],
    ['POST', 307, 'POST', true],
    ['POST', 308, 'POST', true],
  ])('%s with %d goes on as %s', (method, status, becomes, keepsBody) => {
    const next = after(method, status, '/c');
    expect([next?.url.href, next?.method]).toEqual(['https://example.com/c', becomes]);
    if (method !== 'GET') expect(next?.body).toBe(keepsBody ? 'body' : null);
    expect('content-type' in next!.headers).toBe(keepsBody || method === 'GET');
  });

  it('keeps credentials on the same origin only', () => {
    expect(after('GET', 302, 'https://example.com:443/x')?.headers).toEqual(HEADERS);
    for (const other of ['https://example.com:444/', 'https://www.example.com/', '//example.org/']) {
      expect(after('GET', 302, other)?.headers).toEqual({ 'content-type': 't', 'x-own': 'x' });
    }
  });

  it.each([
    'http://127.0.0.1/',
    'https://0x7f.1/',
    'http://[::ffff:169.254.169.254]/',
    'https://localhost/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'https://user:password@example.com/',
  ])('to %s is refused', (location) => {
    expect(() => after('GET', 302, location)).toThrow(expect.objectContaining({ code: 'url_refused' }));
  });

  it('does not lead from https to http, only the other way', () => {
    expect(() => after('GET', 302, 'http://example.com/')).toThrow(expect.objectContaining({ code: 'url_refused' }));
    expect(nextHop(hop('GET', 'http://example.com/'), 302, 'https://example.com/', RULES)).toBeDefined();
  });

  it('needs an address', () => {
    expect(() => after('GET', 302, 'https://[oops/')).toThrow(expect.objectContaining({ code: 'url_unreachable' }));
    for (const status of [200, 300, 304, 305, 400]) expect(after('GET', status, '/c')).toBeUndefined();
    expect(after('GET', 302, null)).toBeUndefined();
  });
});
