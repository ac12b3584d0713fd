import { expect, it } from 'vitest';
import { isLoopbackName, refuseForeignHost, refuseForeignPages } from './same-site.ts';

it.each(['localhost', 'LocalHost.', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]'])('%s is this machine', (name) => {
  expect(isLoopbackName(name)).toBe(true);
});

it.each(['localhost.evil', 'notlocalhost', '127.0.0.1.nip.io', '128.0.0.1', '[::2]', '0.0.0.0', ''])(
  '%s may be another',
  (name) => {
    expect(isLoopbackName(name)).toBe(false);
  },
);

const check = (url: string, headers: Record<string, string>) =>
  refuseForeignPages({ url, method: 'POST', header: (name) => headers[name] });

it('the origin of a page is its host and its port', () => {
  const url = 'http://127.0.0.1:7860/v1/jobs';
  expect(() => check(url, { origin: 'http://127.0.0.1:7860' })).not.toThrow();
  expect(() => check(url, { origin: 'https://127.0.0.1:7860' })).not.toThrow();
  for (const origin of ['http://127.0.0.1:7861', 'http://127.0.0.1', 'http://localhost:7860', 'null', ''])
    expect(() => check(url, { origin }), origin).toThrowError(expect.objectContaining({ code: 'origin_refused' }));
});

const rules = { publicUrl: 'https://edit.example/api', allowedHosts: ['edit.local', 'other.example'] };

it.each([
  ...['127.0.0.1', '192.168.0.9', '8.8.8.8', '[::1]', '[2001:db8::1]', 'localhost', 'a.localhost'],
  ...['edit.example', 'EDIT.example.', 'edit.example:8', 'edit.local:80', 'other.example'],
])('a service without keys answers to %s', (host) => {
  expect(() => refuseForeignHost(`http://${host}/`, rules)).not.toThrow();
});

it.each([
  ...['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', 'edit.example.evil.example', 'a.edit.local'],
  ...['local', 'xedit.local', '127.0.0.1.nip.io'],
])('a service without keys does not answer to %s, which may be made to point at it', (host) => {
  expect(() => refuseForeignHost(`http://${host}/`, rules)).toThrowError(
    expect.objectContaining({ code: 'host_refused', callerHint: expect.stringContaining('QWEN_EDIT_ALLOWED_HOSTS') }),
  );
});
