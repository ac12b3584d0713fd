import sharp from 'sharp';
import { createPipeline } from '../src/index.ts';
import { type CardState, cardState } from './device-state.ts';
import { median } from './shape.ts';

/**
 * measure-device-edit.ts DIR CACHE DEVICE PRECISION SIDE STEPS GUIDANCE THREADS [DEVICE_MEMORY]
 * Makes one edit at SIDE² from one picture on a device, GUIDANCE 1 or 0, and prints JSON: seconds of loading, of the first step, of a later
 * one, and of the edit, and the most that the card's memory was used, if nvidia-smi tells.
 */
const [
  dir = '',
  weightCacheDir,
  device = '',
  precision,
  pixels = '64',
  steps = '2',
  guidance = '0',
  threads = '1',
  bytes,
] = process.argv.slice(2);
const WATCH_MS = 500;
const index = Number(/:(\d+)/.exec(device)?.[1] ?? 0);
const before = await cardState(index);
let most: CardState | undefined = before;
const watch = async (): Promise<void> => {
  const now = await cardState(index);
  if (now !== undefined && now.usedBytes > (most?.usedBytes ?? 0)) most = now;
};
const watching = before === undefined ? undefined : setInterval(() => void watch(), WATCH_MS);

const side = Number(pixels);
const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + Math.floor(i / (3 * side)) * 3) % 256);
const image = await sharp(data, { raw: { width: side, height: side, channels: 3 } })
  .png()
  .toBuffer();
const deviceMemoryBytes = bytes === undefined || bytes === '' ? before?.freeBytes : Number(bytes);
const pipeline = await createPipeline({
  ...{ modelDir: dir, device, precision, weightCacheDir, threads: Number(threads), deviceMemoryBytes },
});
const parameters = {
  prompt: 'make it black and white, with the colours of an old photograph',
  ...{ width: side, height: side, reference_size: 'output', num_inference_steps: Number(steps) },
  ...(guidance === '1' ? { true_cfg_scale: 4, negative_prompt: ' ' } : { true_cfg_scale: 1 }),
};
const marks: number[] = [];
const { timings } = await pipeline.edit(
  { images: [image], parameters },
  { onStep: ({ stage }) => void (stage === 'denoise' && marks.push(performance.now())) },
);
const taken = marks.slice(1).map((mark, i) => (mark - (marks[i] ?? mark)) / 1000);
await watch();
clearInterval(watching);
const { load_s } = pipeline;
await pipeline.close();
console.log(
  JSON.stringify({
    ...{ load_s, edit_s: timings.total_s, first_step_s: taken[0], step_s: median(taken.slice(1)) },
    ...(before === undefined || most === undefined ? {} : { deviceBytes: most.usedBytes - before.usedBytes }),
  }),
);
