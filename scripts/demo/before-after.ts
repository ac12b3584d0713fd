import sharp, { type OverlayOptions } from 'sharp';
import { drawText } from './letters.ts';

/** A picture and the ASCII text to write under it. */
export interface Tile {
  readonly bytes: Uint8Array;
  readonly label: string;
}

const TILE = { width: 320, height: 224 };
const GAP = 16;
const LABEL_HEIGHT = 48;
const HEAD_HEIGHT = 40;
const ROW_HEIGHT = TILE.height + LABEL_HEIGHT + GAP;

/** Lays rows of labelled pictures under a headline and returns a PNG. */
export async function drawBeforeAfter(headline: string, rows: readonly (readonly Tile[])[]): Promise<Uint8Array> {
  const columns = Math.max(...rows.map((row) => row.length));
  const width = GAP + columns * (TILE.width + GAP);
  const height = HEAD_HEIGHT + rows.length * ROW_HEIGHT;
  const overlays: OverlayOptions[] = [textAt(headline, GAP, GAP, width - 2 * GAP)];
  for (const [y, row] of rows.entries()) {
    for (const [x, { bytes, label }] of row.entries()) {
      const left = GAP + x * (TILE.width + GAP);
      const top = HEAD_HEIGHT + y * ROW_HEIGHT;
      const input = await sharp(bytes)
        .resize({ ...TILE, fit: 'cover' })
        .png()
        .toBuffer();
      overlays.push({ input, left, top }, textAt(label, left, top + TILE.height + 6, TILE.width));
    }
  }
  return sharp({ create: { width, height, channels: 3, background: 'white' } })
    .composite(overlays)
    .png()
    .toBuffer();
}

function textAt(text: string, left: number, top: number, width: number): OverlayOptions {
  const { data, info } = drawText(text, width);
  return { input: Buffer.from(data), raw: info, left, top };
}
