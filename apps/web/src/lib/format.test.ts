import { expect, it } from 'vitest';
import { createFormat } from './format.ts';

const en = createFormat('en');
const zh = createFormat('zh');

it.each([
  [0, '0 sec'],
  [8.4, '8 sec'],
  [59.6, '1 min'],
  [80, '1 min 20 sec'],
  [3600, '1 hr'],
  [7500, '2 hr 5 min'],
])('%d seconds are %s', (seconds, wanted) => {
  expect(en.duration(seconds)).toBe(wanted);
});

it('a duration may tell tenths of a second', () => {
  expect(en.duration(1.23, true)).toBe('1.2 sec');
  expect(en.duration(12.3, true)).toBe('12 sec');
});

it('Chinese durations stand without gaps', () => {
  expect(zh.duration(80)).toBe('1分钟20秒');
});

it.each([
  [999, '999 byte'],
  [32_050, '32 kB'],
  [999_900, '1 MB'],
  [1_500_000, '1.5 MB'],
  [100_000_000, '100 MB'],
  [57_700_000_000, '57.7 GB'],
])('%d bytes are %s', (bytes, wanted) => {
  expect(en.bytes(bytes)).toBe(wanted);
});

it('times are told from now', () => {
  const now = new Date('2026-11-24T12:00:00Z');
  expect(en.ago(new Date('2026-11-24T11:59:40Z'), now)).toBe('now');
  expect(en.ago(new Date('2026-11-24T11:57:00Z'), now)).toBe('3 minutes ago');
  expect(en.ago(new Date('2026-11-23T11:57:00Z'), now)).toBe('yesterday');
  expect(zh.ago(new Date('2026-11-24T09:00:00Z'), now)).toBe('3小时前');
});
