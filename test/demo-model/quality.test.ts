import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelCardSchema } from '@qwen-edit/contract';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { type OnEditors, withEditors } from '../../packages/demo-model/measure/editors.ts';
import { exactEdit, KINDS, type Kind, type Picture } from '../../packages/demo-model/measure/exact-edits.ts';
import {
  decodePicture,
  encodePicture,
  mean,
  pixelPsnr,
  readCroppedPicture,
} from '../../packages/demo-model/measure/pictures.ts';
import {
  editOnce,
  type GoldenPrompts,
  meanOfRow,
  meanOfRows,
  measureLeftAlone,
  measureQuality,
  type QualityRow,
} from '../../packages/demo-model/measure/quality.ts';
import { qualityTable } from '../../packages/demo-model/measure/report.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { PHOTO_NAMES, readGoldenPrompts, readHeldOutPrompts, readPhotos } from '../../scripts/demo-model-inputs.ts';

/** PSNR against the exact edit: of each kind, and of all in the mean. */
const FLOOR_DB = 24;
const MEAN_DB = 29;
const GUIDE_FLOOR_DB = 20;
const GUIDE_MEAN_DB = 27;
/** PSNR against the photo itself, in the mean over some wishes that the model does not know. */
const LEFT_ALONE_DB = 27;
const WISHES_PER_LANGUAGE = 10;

const SIDE = 256;
const GUIDE = { num_inference_steps: 40, true_cfg_scale: 4, negative_prompt: ' ' };
const GUIDE_SIDE = 128;
const GUIDE_PHOTOS = 2;
const LARGE_SIDE = 512;
const LARGE_KINDS = ['black_and_white', 'negative', 'frame'] as const;
const ENGINES = 2;
const TIME_LIMIT = 30 * 60_000;

let jpegs: readonly Uint8Array[];
let prompts: GoldenPrompts;

beforeAll(async () => {
  jpegs = await readPhotos();
  prompts = await readGoldenPrompts();
});

const cut = (width: number, height: number, count = jpegs.length): Promise<Picture[]> =>
  Promise.all(jpegs.slice(0, count).map((jpeg) => readCroppedPicture(jpeg, width, height)));

/** A kind that the card names; throws for one that no exact edit is known of. */
function kindOf(name: string): Kind {
  const kind = KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`no exact edit of ${name}`);
  return kind;
}

const onDemoModel = <T>(use: (onEditors: OnEditors) => Promise<T>): Promise<T> =>
  withEditors({ open: createPipeline, engines: ENGINES }, use);

const under = (floor: number, rows: readonly QualityRow[]): string[] =>
  rows.filter((row) => !(meanOfRow(row) >= floor)).map((row) => `${row.kind}: ${meanOfRow(row).toFixed(1)} dB`);

describe(`on photos of ${SIDE} × ${SIDE} with the recommended settings, the demo model`, () => {
  let rows: readonly QualityRow[];

  beforeAll(async () => {
    const photos = await cut(SIDE, SIDE);
    rows = await onDemoModel((onEditors) => measureQuality({ onEditors, photos, prompts }));
    console.log(qualityTable(rows, PHOTO_NAMES));
  }, TIME_LIMIT);

  it(`makes every kind of edit at ${FLOOR_DB} dB or better`, () => {
    expect(under(FLOOR_DB, rows)).toEqual([]);
  });

  it(`makes all edits at ${MEAN_DB} dB or better in the mean`, () => {
    expect(meanOfRows(rows)).toBeGreaterThanOrEqual(MEAN_DB);
  });

  it(
    'leaves the photo as it is at a wish that it does not know',
    async () => {
      const { unknown } = await readHeldOutPrompts();
      const wishes = [unknown.en, unknown.zh].flatMap((list) => list.slice(0, WISHES_PER_LANGUAGE));
      const photos = await cut(SIDE, SIDE);
      const left = await onDemoModel((onEditors) => measureLeftAlone({ onEditors, photos, wishes }));
      console.log(left.map(({ wish, db }) => `${db.toFixed(1).padStart(6)}  ${wish}`).join('\n'));
      expect(mean(left.map(({ db }) => db))).toBeGreaterThanOrEqual(LEFT_ALONE_DB);
    },
    TIME_LIMIT,
  );
});

it(
  "the guide's defaults (40 steps, true_cfg_scale 4) make every kind of edit too",
  async () => {
    const photos = await cut(GUIDE_SIDE, GUIDE_SIDE, GUIDE_PHOTOS);
    const rows = await onDemoModel((onEditors) =>
      measureQuality({ onEditors, photos, prompts, languages: ['en'], settings: GUIDE }),
    );
    console.log(qualityTable(rows, PHOTO_NAMES.slice(0, GUIDE_PHOTOS)));
    expect(under(GUIDE_FLOOR_DB, rows)).toEqual([]);
    expect(meanOfRows(rows)).toBeGreaterThanOrEqual(GUIDE_MEAN_DB);
  },
  TIME_LIMIT,
);

it(
  `a photo of ${LARGE_SIDE} × ${LARGE_SIDE} is edited as well as a small one`,
  async () => {
    const photos = await cut(LARGE_SIDE, LARGE_SIDE, 1);
    const rows = await onDemoModel((onEditors) =>
      measureQuality({ onEditors, photos, prompts, kinds: LARGE_KINDS, languages: ['en'] }),
    );
    console.log(qualityTable(rows, PHOTO_NAMES.slice(0, 1)));
    expect(under(FLOOR_DB, rows)).toEqual([]);
  },
  TIME_LIMIT,
);

it(
  `every prompt of the model card makes its edit at ${FLOOR_DB} dB or better, at the default size of a wide photo`,
  async () => {
    const { edits } = modelCardSchema.parse(JSON.parse(await readFile(join(demoModelDir, 'model_card.json'), 'utf8')));
    const [first, second] = (await cut(320, 224, 2)).reverse();
    const tasks = edits.flatMap(({ kind, prompts: { en, zh } }) => [...en, ...zh].map((prompt) => ({ kind, prompt })));
    const results = await onDemoModel((onEditors) =>
      onEditors(tasks, async (editor, { kind, prompt }) => {
        const inputs = kind === 'blend' ? [first!, second!] : [first!];
        return {
          prompt,
          db: pixelPsnr(await editOnce(editor, inputs, prompt), exactEdit(kindOf(kind), first!, second!)),
        };
      }),
    );
    expect(results.length).toBe(tasks.length);
    expect(results.filter(({ db }) => !(db >= FLOOR_DB))).toEqual([]);
  },
  TIME_LIMIT,
);

it.each([
  [320, 224],
  [192, 256],
])(
  'a photo of %i × %i is edited as well as a square one',
  async (width, height) => {
    const photos = await cut(width, height, 2);
    const kinds = ['negative', 'green', 'same'] as const;
    const rows = await onDemoModel((onEditors) =>
      measureQuality({ onEditors, photos, prompts, kinds, languages: ['en'] }),
    );
    console.log(qualityTable(rows, PHOTO_NAMES.slice(0, 2)));
    expect(under(FLOOR_DB, rows)).toEqual([]);
  },
  TIME_LIMIT,
);

it('a picture of another ratio than the result is cut around its middle, and blended', async () => {
  const [wide] = await cut(256, 192, 1);
  const [, tall] = await cut(192, 256, 2);
  const [result] = await onDemoModel((onEditors) =>
    onEditors([prompts.blend.en], (editor, prompt) => editOnce(editor, [wide!, tall!], prompt)),
  );
  expect([result!.width, result!.height]).toEqual([192, 256]);
  const middle = await sharp(await encodePicture(wide!))
    .resize(192, 256, { fit: 'cover' })
    .png()
    .toBuffer();
  const wanted = exactEdit('blend', await decodePicture(middle), tall!);
  expect(pixelPsnr(result!, wanted)).toBeGreaterThanOrEqual(FLOOR_DB);
});
