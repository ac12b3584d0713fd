import { expect, it } from 'vitest';
import { ALL_FIELDS, OLD_FIELDS, readNvidiaCsv } from './nvidia-csv.ts';

const GIB = 2 ** 30;
const line = (values: Partial<Record<(typeof ALL_FIELDS)[number], string>> = {}): string =>
  ALL_FIELDS.map(
    (field) =>
      ({
        ...{ index: '0', uuid: 'GPU-1a', name: 'NVIDIA H200', 'memory.total': '24576', 'memory.used': '1024' },
        ...{ 'memory.free': '23552', driver_version: '580.65.06', compute_cap: '9.0', 'mig.mode.current': 'Disabled' },
        ...values,
      })[field],
  ).join(', ');
const cardOf = (text: string) => readNvidiaCsv(text).cards[0];

it('a card is read with its memory in bytes', () => {
  expect(readNvidiaCsv(`${line()}\n`)).toEqual({
    cards: [
      {
        ...{ id: 0, uuid: 'GPU-1a', name: 'NVIDIA H200', driver: '580.65.06', computeCapability: '9.0' },
        ...{ totalBytes: 24 * GIB, usedBytes: GIB, freeBytes: 23 * GIB, isDivided: false, fault: null },
      },
    ],
    other: [],
  });
});

it('lines may end as on Windows, and be padded or empty', () => {
  const text = `\r\n${line()}\r\n  ${line({ index: '1', uuid: 'GPU-2b' })}  \r\n\r\n`;
  expect(readNvidiaCsv(text).cards.map(({ id, uuid, isDivided }) => [id, uuid, isDivided])).toEqual([
    [0, 'GPU-1a', false],
    [1, 'GPU-2b', false],
  ]);
});

it('a name may have commas in it', () => {
  expect(cardOf(line({ name: 'Acme, Inc., GPU 5' }))).toMatchObject({ name: 'Acme, Inc., GPU 5', freeBytes: 23 * GIB });
});

it.each(['[N/A]', '[Not Supported]', '[Insufficient Permissions]', 'N/A', ''])('%s stands for no value', (none) => {
  expect(
    cardOf(line({ 'memory.total': none, 'memory.used': none, 'memory.free': none, compute_cap: none })),
  ).toMatchObject({ totalBytes: null, usedBytes: null, freeBytes: null, computeCapability: null, fault: null });
});

it('what is free is the rest if it is not told', () => {
  expect(cardOf(line({ 'memory.free': '[N/A]' }))?.freeBytes).toBe(23 * GIB);
});

it.each([
  ['ERR!', 'ERR!'],
  ['[GPU is lost]', 'GPU is lost'],
  ['[GPU requires reset]', 'GPU requires reset'],
  ['[Unknown Error]', 'Unknown Error'],
])('a card that says %s has a fault', (said, fault) => {
  expect(cardOf(line({ 'memory.used': said, 'memory.free': said }))).toMatchObject({ freeBytes: null, fault });
});

it('a card that MIG divides says so', () => {
  expect(cardOf(line({ 'mig.mode.current': 'Enabled' }))?.isDivided).toBe(true);
});

it('the fields of old drivers are read too', () => {
  const [card] = readNvidiaCsv('3, GPU-9, Tesla K80, 11441, 0, 11441, 470.82.01', OLD_FIELDS).cards;
  expect(card).toMatchObject({ id: 3, driver: '470.82.01', computeCapability: null, isDivided: false });
});

it('what is no card is told apart', () => {
  const text = `Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error\n${line()}\n0, cut\n`;
  expect(readNvidiaCsv(text)).toMatchObject({
    cards: [{ id: 0 }],
    other: ['Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error', '0, cut'],
  });
});
