import { expect, it } from 'vitest';
import { isLoopbackName, refuseForeignPages } from './same-site.ts';

it.each(['localhost', 'LocalHost.', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]'])('%s is this machine', (name) => {
  expect(isLoopbackName(name)).toBe(true);
});

it.each(['localhost.evil', 'notlocalhost', '127.0.0.1.nip.io', '128.0.0.1', '[::2]', '0.0.0.0', ''])(
  '%s may be another',
  (name) => {
    expect(isLoopbackName(name)).toBe(false);
  },
);

const check = (url: string, headers: Record<string, string>, more = {}) =>
  refuseForeignPages({
    url,
    method: 'POST',
    header: (name) => headers[name],
    publicUrl: undefined,
    anyHost: false,
    ...more,
  });

it('the origin of a page is its host and its port', () => {
  const url = 'http://127.0.0.1:7860/v1/jobs';
  expect(() => check(url, { origin: 'http://127.0.0.1:7860' })).not.toThrow();
  expect(() => check(url, { origin: 'https://127.0.0.1:7860' })).not.toThrow();
  for (const origin of ['http://127.0.0.1:7861', 'http://127.0.0.1', 'http://localhost:7860', 'null', ''])
    expect(() => check(url, { origin }), origin).toThrowError(expect.objectContaining({ code: 'origin_refused' }));
});

it('a published name is one of this machine, and no other', () => {
  const published = { publicUrl: 'https://edit.example/api' };
  expect(() => check('http://edit.example/v1/jobs', { origin: 'https://edit.example' }, published)).not.toThrow();
  expect(() => check('http://other.example/', {}, published)).toThrowError(/Host header/);
  expect(() => check('http://other.example/', {}, { anyHost: true })).not.toThrow();
});
