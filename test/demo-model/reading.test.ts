import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelCardSchema } from '@qwen-edit/contract';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { withEditors } from '../../packages/demo-model/measure/editors.ts';
import { exactEdits, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import {
  type HeldOutPrompts,
  measureLists,
  measureReading,
  overall,
  type ReadingRow,
} from '../../packages/demo-model/measure/reading.ts';
import { readingPictures } from '../../packages/demo-model/measure/reading-pictures.ts';
import { mistakesOf, readingTable } from '../../packages/demo-model/measure/report.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { readHeldOutPrompts } from '../../scripts/demo-model-inputs.ts';

/** Over all kinds and languages, and of each. */
const FLOOR = 0.95;
const KIND_FLOOR = 0.95;
/** Of wishes for what it does not know: twenty a language. */
const UNKNOWN_FLOOR = 0.9;
/** Of the few phrases for a kind that were written by hand, over all kinds. */
const HAND_FLOOR = 0.9;
/** Phrases for each kind and language; `npm run measure:demo-model reading` takes all. */
const PHRASES_PER_LIST = 100;
const ENGINES = 2;
const TIME_LIMIT = 30 * 60_000;
/** No two exact edits of the test pictures are nearer than this. The nearest are black and white and sepia. */
const NEAREST_EDITS_DB = 21;

const editors = { open: createPipeline, engines: ENGINES };

it('tells all edits apart by the pictures that it reads with', () => {
  const edits = [...exactEdits(readingPictures())];
  const near = edits.flatMap(([a, first], i) =>
    edits.slice(i + 1).flatMap(([b, second]) => (pixelPsnr(first, second) < NEAREST_EDITS_DB ? [] : [`${a}, ${b}`])),
  );
  expect(near).toEqual([]);
});

describe('the demo model', () => {
  let prompts: HeldOutPrompts;
  let rows: readonly ReadingRow[];

  beforeAll(async () => {
    prompts = await readHeldOutPrompts();
    rows = await withEditors(editors, (onEditors) => measureReading(prompts, { onEditors, perList: PHRASES_PER_LIST }));
    console.log(`${readingTable(rows)}\n\n${mistakesOf(rows)}`);
  }, TIME_LIMIT);

  it(`understands at least ${100 * FLOOR} % of the phrases it was not trained on`, () => {
    expect(overall(rows.filter(({ name }) => name !== 'unknown'))).toBeGreaterThanOrEqual(FLOOR);
  });

  it(`understands at least ${100 * KIND_FLOOR} % of them for each kind and language`, () => {
    expect(rows.filter(({ share }) => share < KIND_FLOOR).map(short)).toEqual([]);
  });

  it(`takes at least ${100 * UNKNOWN_FLOOR} % of unknown wishes for none of the edits it knows`, () => {
    const unknown = rows.filter(({ name }) => name === 'unknown');
    expect(unknown.length).toBe(2);
    expect(unknown.filter(({ share }) => share < UNKNOWN_FLOOR).map(short)).toEqual([]);
  });

  it(
    `understands at least ${100 * HAND_FLOOR} % of the phrases written by hand`,
    async () => {
      const hand = await withEditors(editors, (onEditors) =>
        measureLists(prompts.hand, { onEditors, perList: PHRASES_PER_LIST }),
      );
      console.log(`${readingTable(hand)}\n\n${mistakesOf(hand)}`);
      expect(overall(hand)).toBeGreaterThanOrEqual(HAND_FLOOR);
    },
    TIME_LIMIT,
  );
});

it(
  'every prompt of the model card is understood',
  async () => {
    const { edits } = modelCardSchema.parse(JSON.parse(await readFile(join(demoModelDir, 'model_card.json'), 'utf8')));
    const lists = Object.fromEntries(edits.map(({ kind, prompts }) => [kind, prompts]));
    const rows = await withEditors(editors, (onEditors) =>
      measureLists(lists, { onEditors, perList: PHRASES_PER_LIST }),
    );
    expect(rows.length).toBe(2 * edits.length);
    expect(mistakesOf(rows)).toBe('');
  },
  TIME_LIMIT,
);

function short({ name, language, share }: ReadingRow): string {
  return `${name} ${language}: ${(100 * share).toFixed(1)} %`;
}
