import { describe, expect, it } from 'vitest';
import { checkMediaType, checkPrefix, contentDisposition, isKey } from './names.ts';

describe('keys', () => {
  it.each(['a', 'a.png', 'inputs/0a/1b.jpeg', '-', '_x', 'A/B-c_d.e', 'a..b', `${'x'.repeat(200)}/${'y'.repeat(200)}`])(
    '%s is one',
    (key) => expect(isKey(key)).toBe(true),
  );

  it.each(['', '.', '..', 'a/..', 'a/.b', 'a.', 'a./b', '/a', 'a/', 'a//b', 'a\n', 'x'.repeat(201), 'é', 'a:b', 'a*'])(
    '%j is none',
    (key) => expect(isKey(key)).toBe(false),
  );

  it('a prefix may end in mid-name, and never leads outside', () => {
    for (const prefix of ['', 'a', 'a/', 'a/b', 'a.', 'a/b-']) checkPrefix(prefix);
    for (const prefix of ['/', '..', 'a/..', 'a/../b', './a', 'a//b', 'é']) {
      expect(() => checkPrefix(prefix)).toThrow(/cannot begin/);
    }
  });
});

describe('media types', () => {
  it('with parameters or without', () => {
    for (const type of ['image/png', 'application/vnd.x+json', 'text/plain; charset=utf-8', 'a/b;c="d e"']) {
      checkMediaType(type);
    }
  });

  it.each(['image', '/png', 'image/', 'image/png; ', 'image/png\n', 'a/b; c="d\n"', `a/${'b'.repeat(199)}`])(
    '%j is none',
    (type) => expect(() => checkMediaType(type)).toThrow(/media type/),
  );
});

describe('names to save under', () => {
  it.each([
    ['plain.png', `attachment; filename="plain.png"; filename*=UTF-8''plain.png`],
    ['a"b.png', `attachment; filename="a_b.png"; filename*=UTF-8''a%22b.png`],
    ["it's (1).png", `attachment; filename="it's (1).png"; filename*=UTF-8''it%27s%20%281%29.png`],
    ['../../etc\r\nx: y', `attachment; filename=".._.._etc__x: y"; filename*=UTF-8''.._.._etc__x%3A%20y`],
    ['\ud800.png', `attachment; filename="_.png"; filename*=UTF-8''%EF%BF%BD.png`],
  ])('%j', (name, header) => expect(contentDisposition(name)).toBe(header));
});
