import sharp from 'sharp';
import { createPipeline } from '../src/index.ts';

/** Measures an edit of the demo model, at 256² if nothing else is said, with its recommended settings. Prints JSON. */
const [modelDir = '', threads = '1', rounds = '3', pixels = '256', precision, weightCacheDir] = process.argv.slice(2);
const side = Number(pixels);
const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + Math.floor(i / (3 * side)) * 3) % 256);
const image = await sharp(data, { raw: { width: side, height: side, channels: 3 } })
  .png()
  .toBuffer();
const pipeline = await createPipeline({ modelDir, threads: Number(threads), precision, weightCacheDir });
const request = { images: [image], parameters: { prompt: 'make it black and white', height: side, width: side } };
const totals: number[] = [];
for (let round = 0; round <= Number(rounds); round++) {
  const { timings } = await pipeline.edit(request);
  if (round > 0) totals.push(timings.total_s);
}
const { peak_rss } = await pipeline.stats();
console.log(JSON.stringify({ load_s: pipeline.load_s, edit_s: Math.min(...totals), peak: peak_rss }));
await pipeline.close();
