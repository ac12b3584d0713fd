import { nearestOf } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { readFlags } from './flag-values.ts';

const COMMANDS = ['serve', 'submit', 'status', 'list', 'keys'];

it.each([
  ['sreve', 'serve'],
  ['serv', 'serve'],
  ['SERVE', 'serve'],
  ['submitt', 'submit'],
  ['statsu', 'status'],
  ['lst', 'list'],
])('who says %s is asked whether %s was meant', (said, meant) => {
  expect(nearestOf(said, COMMANDS)).toBe(meant);
});

it.each(['', 'x', 'moon', 'mountain'])('%j is near to none', (said) => {
  expect(nearestOf(said, COMMANDS)).toBeUndefined();
});

it('a mistyped flag is named with the nearest one that there is', () => {
  const options = { prompt: { type: 'string' }, 'max-side': { type: 'string' }, json: { type: 'boolean' } } as const;
  expect(() => readFlags(['--promt', 'x'], options)).toThrow(/'--promt'.*Did you mean --prompt\?$/);
  expect(() => readFlags(['--maxside=3'], options)).toThrow(/Did you mean --max-side\?$/);
  expect(() => readFlags(['--jsn'], options)).toThrow(/Did you mean --json\?$/);
  expect(() => readFlags(['--moon-phase'], options)).toThrow(/^Unknown option '--moon-phase'\.$/);
});
