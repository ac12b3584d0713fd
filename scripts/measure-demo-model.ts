import { withEditors } from '@qwen-edit/demo-model/measure/editors';
import { mean, readCroppedPicture } from '@qwen-edit/demo-model/measure/pictures';
import { measureLeftAlone, measureQuality } from '@qwen-edit/demo-model/measure/quality';
import { measureLists, measureReading } from '@qwen-edit/demo-model/measure/reading';
import { mistakesOf, qualityTable, readingTable } from '@qwen-edit/demo-model/measure/report';
import { measureSpeed } from '@qwen-edit/demo-model/measure/speed';
import { createPipeline } from '@qwen-edit/pipeline';
import { PHOTO_NAMES, readGoldenPrompts, readHeldOutPrompts, readPhotos } from './demo-model-inputs.ts';

/** Measures the demo model on all held-out phrases and photos, and its speed, and prints the tables. */
const ENGINES = 2;
const SIDE = 256;
const GUIDE_SIDE = 128;
const GUIDE = { num_inference_steps: 40, true_cfg_scale: 4, negative_prompt: ' ' };

const [parts = 'quality,reading,speed'] = process.argv.slice(2);
const open = createPipeline;

async function quality(): Promise<void> {
  const prompts = await readGoldenPrompts();
  const at = async (side: number) =>
    Promise.all((await readPhotos()).map((photo) => readCroppedPicture(photo, side, side)));
  const photos = await at(SIDE);
  const rows = await withEditors({ open, engines: ENGINES }, (onEditors) =>
    measureQuality({ onEditors, photos, prompts }),
  );
  console.log(`Quality at ${SIDE}² with the recommended settings\n${qualityTable(rows, PHOTO_NAMES)}\n`);

  const { unknown } = await readHeldOutPrompts();
  const wishes = [...unknown.en.slice(0, 20), ...unknown.zh.slice(0, 20)];
  const left = await withEditors({ open, engines: ENGINES }, (onEditors) =>
    measureLeftAlone({ onEditors, photos, wishes }),
  );
  console.log(`Unknown wishes leave the picture: ${mean(left.map(({ db }) => db)).toFixed(1)} dB to it`);
  console.log(`${left.map(({ wish, db }) => `${db.toFixed(1).padStart(6)}  ${wish}`).join('\n')}\n`);

  const small = await at(GUIDE_SIDE);
  const guided = await withEditors({ open, engines: ENGINES }, (onEditors) =>
    measureQuality({ onEditors, photos: small, prompts, settings: GUIDE }),
  );
  console.log(`Quality at ${GUIDE_SIDE}² with the guide's defaults\n${qualityTable(guided, PHOTO_NAMES)}\n`);
}

async function reading(): Promise<void> {
  const prompts = await readHeldOutPrompts();
  const options = { perList: Number.POSITIVE_INFINITY };
  await withEditors({ open, engines: ENGINES }, async (onEditors) => {
    const start = performance.now();
    const rows = await measureReading(prompts, { ...options, onEditors });
    const phrases = rows.reduce((sum, row) => sum + row.phrases, 0);
    const each = (performance.now() - start) / phrases;
    console.log(`Held-out phrases (${each.toFixed(0)} ms each)\n${readingTable(rows)}\n\n${mistakesOf(rows)}\n`);
    const hand = await measureLists(prompts.hand, { ...options, onEditors });
    console.log(`Phrases written by hand\n${readingTable(hand)}\n\n${mistakesOf(hand)}\n`);
  });
}

async function speed(): Promise<void> {
  const [photo] = await readPhotos();
  for (const side of [SIDE, 2 * SIDE]) {
    const { load_s, edit_s } = await measureSpeed(open, photo!, side, 2);
    console.log(`One thread, ${side}²: an edit in ${edit_s.toFixed(2)} s, opened in ${load_s.toFixed(2)} s`);
  }
}

const MEASURES = { quality, reading, speed };
for (const [name, measure] of Object.entries(MEASURES)) if (parts.split(',').includes(name)) await measure();
