import { beforeAll, describe, expect, it } from 'vitest';
import { withEditors } from '../../packages/demo-model/measure/editors.ts';
import type { Kind } from '../../packages/demo-model/measure/exact-edits.ts';
import { exactEdits, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import {
  type HeldOutPrompts,
  measureLists,
  measureReading,
  overall,
  type Phrases,
  type ReadingRow,
} from '../../packages/demo-model/measure/reading.ts';
import { readingPictures } from '../../packages/demo-model/measure/reading-pictures.ts';
import { mistakesOf } from '../../packages/demo-model/measure/report.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { readCardPrompts, readHeldOutPrompts } from '../../scripts/demo-model/inputs.ts';
import { type Measurements, readMeasurements } from '../../scripts/demo-model/measurements.ts';

/** Share of phrases understood, over all kinds and languages, and of each. */
const FLOOR = 0.95;
const KIND_FLOOR = 0.95;
/** Of wishes for what the model does not know. */
const UNKNOWN_FLOOR = 0.9;
/** Of the phrases that were written by hand, over all kinds. */
const HAND_FLOOR = 0.9;
/** No two exact edits of the test pictures are nearer than this. The nearest are black and white and sepia. */
const NEAREST_EDITS_DB = 21;
/** Phrases of each list and language that are read again in this test; all of them are in the measurements. */
const SAMPLE = { heldOut: 3, hand: 1, card: 1 } as const;
const ENGINES = 2;

let prompts: HeldOutPrompts;
let card: ReadonlyMap<Kind, Phrases>;
let reading: Measurements['reading'];
beforeAll(async () => {
  prompts = await readHeldOutPrompts();
  card = await readCardPrompts();
  ({ reading } = await readMeasurements());
});

it('tells all edits apart by the pictures that it reads with', () => {
  const edits = [...exactEdits(readingPictures())];
  const near = edits.flatMap(([a, first], i) =>
    edits.slice(i + 1).flatMap(([b, second]) => (pixelPsnr(first, second) < NEAREST_EDITS_DB ? [] : [`${a}, ${b}`])),
  );
  expect(near).toEqual([]);
});

describe('by its measurements, the demo model', () => {
  it('was asked every phrase of every list', () => {
    expect(sizesOf(reading.heldOut)).toEqual(sizesOfLists({ ...prompts.kinds, unknown: prompts.unknown }));
    expect(sizesOf(reading.hand)).toEqual(sizesOfLists(prompts.hand));
    expect(sizesOf(reading.card)).toEqual(sizesOfLists(Object.fromEntries(card)));
  });

  it('understands as large a share of each list as its mistakes tell', () => {
    for (const { name, language, phrases, share, mistakes } of Object.values(reading).flat())
      expect(share, `${name} ${language}`).toBeCloseTo(1 - mistakes.length / phrases, 3);
  });

  it(`understands at least ${100 * FLOOR} % of the phrases it was not trained on`, () => {
    expect(overall(reading.heldOut.filter(({ name }) => name !== 'unknown'))).toBeGreaterThanOrEqual(FLOOR);
  });

  it(`understands at least ${100 * KIND_FLOOR} % of them for each kind and language`, () => {
    expect(reading.heldOut.filter(({ share }) => share < KIND_FLOOR).map(short)).toEqual([]);
  });

  it(`takes at least ${100 * UNKNOWN_FLOOR} % of unknown wishes for none of the edits it knows`, () => {
    const unknown = reading.heldOut.filter(({ name }) => name === 'unknown');
    expect(unknown.length).toBe(2);
    expect(unknown.filter(({ share }) => share < UNKNOWN_FLOOR).map(short)).toEqual([]);
  });

  it(`understands at least ${100 * HAND_FLOOR} % of the phrases written by hand`, () => {
    expect(overall(reading.hand)).toBeGreaterThanOrEqual(HAND_FLOOR);
  });

  it('understands every prompt of the model card', () => {
    expect(mistakesOf(reading.card)).toBe('');
  });
});

describe('a sample of each list is read as the measurements say', () => {
  it.each([
    ['phrases it was not trained on', 'heldOut'],
    ['phrases written by hand', 'hand'],
    ['prompts of the model card', 'card'],
  ] as const)('%s', async (_, list) => {
    const perList = SAMPLE[list];
    const rows = await withEditors({ open: createPipeline, engines: ENGINES }, (onEditors) => {
      if (list === 'heldOut') return measureReading(prompts, { onEditors, perList });
      return measureLists(list === 'hand' ? prompts.hand : Object.fromEntries(card), { onEditors, perList });
    });
    expect(rows.map(({ name, language }) => `${name} ${language}`)).toEqual(
      reading[list].map(({ name, language }) => `${name} ${language}`),
    );
    expect(rows.flatMap(({ asked }) => asked).length).toBeGreaterThanOrEqual(rows.length * perList);
    expect(rows.flatMap((row) => row.asked.map((phrase) => verdictOn(phrase, row)))).toEqual(
      rows.flatMap((row, i) => row.asked.map((phrase) => verdictOn(phrase, reading[list][i]!))),
    );
  });
});

/** What a row says about one phrase. */
function verdictOn(phrase: string, { name, language, mistakes }: Pick<ReadingRow, 'name' | 'language' | 'mistakes'>) {
  const mistake = mistakes.find((each) => each.phrase === phrase);
  return `${name} ${language}: ${phrase}: ${mistake === undefined ? 'understood' : `read as ${mistake.read}`}`;
}

function sizesOf(rows: readonly Pick<ReadingRow, 'name' | 'language' | 'phrases'>[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ name, language, phrases }) => [`${name} ${language}`, phrases]));
}

function sizesOfLists(lists: Readonly<Record<string, Phrases>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(lists).flatMap(([name, { en, zh }]) => [
      [`${name} en`, en.length],
      [`${name} zh`, zh.length],
    ]),
  );
}

function short({ name, language, share }: Pick<ReadingRow, 'name' | 'language' | 'share'>): string {
  return `${name} ${language}: ${(100 * share).toFixed(1)} %`;
}
