import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { knownModelShape } from '../src/plan/known-models.ts';
import { plannedEdit } from '../src/plan/planned-edit.ts';
import { cardFigures } from './card-figures.ts';
import { cardSeconds } from './card-seconds.ts';
import { KNOWN_CARDS } from './cards.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = { width: 1024, height: 1024 };
const cardOf = (name: string) => KNOWN_CARDS.find((card) => card.name === name)!;
const stepOf = (name: string, guidance: boolean): number => {
  const edit = plannedEdit({}, [square], { negativeBytes: guidance ? 1 : null });
  return cardSeconds(shape, edit, { card: cardOf(name), precision: 'bf16' }).step;
};

it('docs/gpu-figures.md has the tables as they come out now', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/gpu-figures.md'), 'utf8');
  for (const table of cardFigures().trim().split('\n\n')) expect(page).toContain(table);
});

describe('what a card should reach', () => {
  it('is within twice of what others measured on the same one', () => {
    for (const [ours, theirs] of [
      [stepOf('H200 SXM', false), 0.356],
      [stepOf('H200 SXM', true), 0.638],
      [stepOf('H100 SXM', true), 31.9 / 50],
    ] as const) {
      expect(ours).toBeGreaterThan(theirs / 2);
      expect(ours).toBeLessThan(2 * theirs);
    }
  });

  it('is never more than the published peak', () => {
    for (const card of KNOWN_CARDS) {
      const edit = plannedEdit({}, [square], { negativeBytes: null });
      const { step } = cardSeconds(shape, edit, { card, precision: 'w4' });
      const peak = Math.max(card.matrix?.half ?? 0, card.plain.fp32, card.plain.fp16);
      expect(167e12 / step, card.name).toBeLessThan(peak);
    }
  });
});
