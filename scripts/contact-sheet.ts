import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withEditors } from '@qwen-edit/demo-model/measure/editors';
import { exactEdit, KINDS, type Kind, type Picture } from '@qwen-edit/demo-model/measure/exact-edits';
import { encodePicture, readCroppedPicture } from '@qwen-edit/demo-model/measure/pictures';
import { editOnce, type GoldenPrompts, nextOf } from '@qwen-edit/demo-model/measure/quality';
import { createPipeline } from '@qwen-edit/pipeline';
import sharp, { type OverlayOptions } from 'sharp';
import { readGoldenPrompts, readPhotos } from './demo-model/inputs.ts';

/** Draws docs/demo-model.jpg: for every kind of edit, the exact result and the demo model's. */
const SIDE = 256;
const PHOTOS = 2;
const CELL = 160;
const GAP = 4;
const HEAD = 24;
const CAPTION = 26;
const COLUMNS = ['input', 'exact edit', 'English prompt', 'Chinese prompt'];
const MAX_BYTES = 700_000;

const width = GAP + PHOTOS * COLUMNS.length * (CELL + GAP);
const rowHeight = CAPTION + CELL + GAP;

interface Row {
  readonly kind: Kind;
  /** For each photo, one picture for each of COLUMNS. */
  readonly pictures: readonly Picture[];
}

async function makeRows(prompts: GoldenPrompts): Promise<Row[]> {
  const bytes = (await readPhotos()).slice(0, PHOTOS);
  const photos = await Promise.all(bytes.map((photo) => readCroppedPicture(photo, SIDE, SIDE)));
  const tasks = KINDS.flatMap((kind) => photos.map((photo, i) => ({ kind, photo, next: nextOf(photos, i) })));
  const quadruples = await withEditors({ open: createPipeline, engines: 2 }, (onEditors) =>
    onEditors(tasks, async (editor, { kind, photo, next }) => {
      const inputs = kind === 'blend' ? [photo, next] : [photo];
      const english = await editOnce(editor, inputs, prompts[kind].en);
      const chinese = await editOnce(editor, inputs, prompts[kind].zh);
      return { kind, pictures: [photo, exactEdit(kind, photo, next), english, chinese] };
    }),
  );
  return KINDS.map((kind) => ({
    kind,
    pictures: quadruples.filter((each) => each.kind === kind).flatMap(({ pictures }) => pictures),
  }));
}

async function drawRow(row: Row, top: number, caption: string): Promise<OverlayOptions[]> {
  const cells = row.pictures.map(async (picture, i) => ({
    input: await sharp(await encodePicture(picture))
      .resize(CELL, CELL, { fit: 'fill' })
      .png()
      .toBuffer(),
    left: GAP + i * (CELL + GAP),
    top: top + CAPTION,
  }));
  return [{ input: await drawText(caption), left: GAP, top: top + 4 }, ...(await Promise.all(cells))];
}

/** Draws a line of text as a PNG. It is not an SVG, which sharp refuses to read once the pipeline is loaded. */
function drawText(line: string): Promise<Buffer> {
  const escaped = line.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return sharp({ text: { text: escaped, font: 'sans-serif 12', dpi: 96, rgba: true } })
    .png()
    .toBuffer();
}

/** Tells if the system has a font for Chinese. Without one, every character is drawn as the same box, or not at all. */
async function canDrawChinese(): Promise<boolean> {
  const [one, other] = await Promise.all([drawText('黑'), drawText('白')]);
  return !one.equals(other);
}

async function drawSheet(): Promise<Buffer> {
  const prompts = await readGoldenPrompts();
  const chinese = await canDrawChinese();
  if (!chinese) console.log('No font here has Chinese characters: the sheet is drawn without the Chinese prompts.');
  const rows = await makeRows(prompts);
  const overlays = await Promise.all(
    rows.map((row, i) => {
      const { en, zh } = prompts[row.kind];
      const caption = [row.kind, en, ...(chinese ? [zh] : [])].join('  ·  ');
      return drawRow(row, HEAD + i * rowHeight, caption);
    }),
  );
  const head = Array.from({ length: PHOTOS * COLUMNS.length }, async (_, i) => ({
    input: await drawText(COLUMNS[i % COLUMNS.length] ?? ''),
    left: GAP + i * (CELL + GAP),
    top: GAP,
  }));
  const height = HEAD + rows.length * rowHeight;
  return sharp({ create: { width, height, channels: 3, background: '#e0e0e0' } })
    .composite([...(await Promise.all(head)), ...overlays.flat()])
    .jpeg({ quality: 68, mozjpeg: true })
    .toBuffer();
}

const sheet = await drawSheet();
await writeFile(join(import.meta.dirname, '../docs/demo-model.jpg'), sheet);
console.log(`docs/demo-model.jpg: ${(sheet.length / 1000).toFixed(0)} kB`);
if (sheet.length > MAX_BYTES) {
  console.error(`It has more than ${MAX_BYTES / 1000} kB: lower its quality.`);
  process.exitCode = 1;
}
