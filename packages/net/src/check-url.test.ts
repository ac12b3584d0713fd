import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkUrl } from './check-url.ts';
import { responseTooLarge, unreachable } from './net-errors.ts';

const PUBLIC_ONLY = { allowPrivate: false };
const refusal = expect.objectContaining({ code: 'url_refused' });
const check =
  (url: string, allowPrivate = false) =>
  () =>
    checkUrl(url, { allowPrivate });

describe('an address that may be called', () => {
  it.each([
    ['https://example.com/a?b#c', 'https://example.com/a?b'],
    ['HTTP://EXAMPLE.com:8080', 'http://example.com:8080/'],
    ['https://example.com./x', 'https://example.com/x'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://localhost.example.com/', 'https://localhost.example.com/'],
  ])('%s', (url, normal) => expect(checkUrl(url, PUBLIC_ONLY).href).toBe(normal));
});

describe('refused whatever is allowed', () => {
  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_',
    'data:image/png;base64,AA==',
    'blob:https://example.com/x',
    'javascript:alert(1)',
    'unix:/var/run/docker.sock',
    'ws://example.com',
    'https://user@example.com/',
    'https://user:password@example.com/',
    'https://:password@example.com/',
    'https://example.com@127.0.0.1/',
    'http://',
    'http://./',
    'http://../',
    'http://a..example.com/',
    'http://127.0.0.1../',
    'http://.localhost/',
    'http://256.0.0.1/',
    'http://[::1%25lo]/',
    'http://exa mple.com/',
    'example.com',
    '//example.com/',
    '',
    `https://example.com/${'x'.repeat(9000)}`,
  ])('%s', (url) => {
    expect(check(url)).toThrow(refusal);
    expect(check(url, true)).toThrow(refusal);
  });
});

describe('refused unless private addresses are allowed', () => {
  it.each([
    ['plain', 'http://127.0.0.1/', 'http://10.1.2.3/', 'http://192.168.0.1:8080/', 'http://0.0.0.0/', 'http://[::1]/'],
    [
      'metadata',
      'http://169.254.169.254/latest/meta-data/',
      'http://[fd00:ec2::254]/',
      'http://metadata.google.internal/',
    ],
    ['decimal', 'http://2130706433/', 'http://2852039166/', 'http://3232235521/'],
    ['hexadecimal', 'http://0x7f000001/', 'http://0x7f.0x0.0x0.0x1/', 'http://0xa9fea9fe/'],
    ['octal', 'http://0177.0.0.1/', 'http://017700000001/', 'http://0251.0376.0251.0376/'],
    ['mixed and short', 'http://127.1/', 'http://0x7f.1/', 'http://0177.1/', 'http://0/', 'http://10.1/'],
    ['with a dot at the end', 'http://127.0.0.1./', 'http://localhost./', 'http://2130706433./'],
    ['in other digits', 'http://①②⑦.⓪.⓪.①/', 'http://127。0。0。1/', 'http://１２７.0.0.1/'],
    ['escaped', 'http://%31%32%37.0.0.1/', 'http://loc%61lhost/'],
    [
      'careless',
      'http:127.0.0.1',
      'http:///127.0.0.1/',
      'http:\\\\127.0.0.1\\',
      ' http://127.0.0.1/ ',
      'ht\ntp://127.0.0.1/',
    ],
    [
      'mapped',
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:7f00:1]/',
      'http://[::ffff:a9fe:a9fe]/',
      'http://[::127.0.0.1]/',
    ],
    [
      'NAT64, 6to4, Teredo',
      'http://[64:ff9b::7f00:1]/',
      'http://[2002:7f00:1::]/',
      'http://[2001:0:53aa:64c:0:fbff:80ff:fffe]/',
    ],
    [
      'names',
      'http://localhost/',
      'http://LOCALHOST/',
      'http://a.localhost/',
      'http://printer.local/',
      'http://redis:6379/',
      'http://x.svc.cluster.local/',
      'http://router.home.arpa/',
    ],
  ])('%s', (_, ...urls) => {
    for (const url of urls) {
      expect(check(url), url).toThrow(refusal);
      expect(check(url, true), url).not.toThrow();
    }
  });

  it('the refusal names the host, and what would allow it', () => {
    expect(check('http://10.0.0.1/secret?token=1')).toThrow(
      expect.objectContaining({
        message: 'The host 10.0.0.1 is not on the public Internet.',
        hint: expect.stringContaining('QWEN_EDIT_ALLOW_PRIVATE_URLS'),
      }),
    );
  });
});

it('no refusal shows a part of a password that stands in the address, however malformed', async () => {
  const secret = fc
    .array(fc.constantFrom(...'0123456789ABCDEF@@::/??##%\\&= '), { minLength: 4, maxLength: 16 })
    .map((characters) => characters.join(''));
  const make = fc.constantFrom<(text: string) => string>(
    (text) => `http://user:${text}@host.invalid/picture.png`,
    (text) => `http://${text}@10.0.0.1/`,
    (text) => `${text}@host.invalid/`,
    (text) => `http:user:${text}@host.invalid/`,
  );
  fc.assert(
    fc.property(make, secret, (addressWith, text) => {
      let told = '';
      try {
        const url = checkUrl(addressWith(text), { allowPrivate: false });
        told = `${unreachable(url, 'why').message} ${responseTooLarge(url, 1).message}`;
      } catch (thrown) {
        told = String(thrown);
      }
      for (let at = 0; at + 4 <= text.length; at++) {
        const part = text.slice(at, at + 4);
        expect(told.toLowerCase()).not.toContain(part.toLowerCase());
      }
    }),
    { numRuns: 1000 },
  );
});
