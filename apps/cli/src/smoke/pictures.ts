import { createHash, randomFillSync } from 'node:crypto';
import type { JobImage } from '@qwen-edit/contract';
import { decodeImage, encodeImage, type Pixels } from '@qwen-edit/pipeline';
import { smokeFault } from './check.ts';

/** Side of the pictures of the checks' edits, in pixels: small, and a multiple of what every model needs. */
export const SMOKE_SIDE = 256;

/** Levels of 255 that a result must differ from the picture, on average. Any way through a model changes more. */
const LEAST_CHANGE = 0.5;
/** Levels between the darkest and the lightest pixel of a channel, below which a picture counts as one colour. */
const LEAST_RANGE = 8;

/** A picture with colours, edges and gradients. `seed` makes each one another picture. */
export function drawSmokePicture(seed: number, side = SMOKE_SIDE): Pixels {
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (side / 3) ** 2;
      const at = 3 * (y * side + x);
      data[at] = inside ? 220 : (255 * x) / side;
      data[at + 1] = inside ? 60 + (seed % 64) : (255 * y) / side;
      data[at + 2] = inside ? 40 : 160;
    }
  }
  return { width: side, height: side, data };
}

export const encodeSmokePicture = (picture: Pixels): Promise<Uint8Array> => encodeImage(picture, 'png');

/** A picture of noise, which cannot be packed: a file of `bytes` bytes and a little more. */
export async function bigPicture(bytes: number): Promise<Uint8Array> {
  const side = Math.ceil(Math.sqrt(bytes / 3));
  return encodeImage({ width: side, height: side, data: randomFillSync(new Uint8Array(side * side * 3)) }, 'png');
}

/** Throws AppError if bytes are not the result that a job tells of, or no result that an edit would make. */
export async function checkResult(
  bytes: Uint8Array,
  told: Pick<JobImage, 'sha256' | 'width' | 'height'> | undefined,
  input: Pixels,
): Promise<Pixels> {
  if (told !== undefined && createHash('sha256').update(bytes).digest('hex') !== told.sha256)
    throw smokeFault(
      `The result that was fetched has ${bytes.length} bytes, which are not those that the job tells of.`,
      'Something between the service and here changes or cuts answers: look at caches and filters of the balancer, and at the storage.',
    );
  const picture = await decodeImage(bytes, 'The result');
  const { width, height } = told ?? { width: SMOKE_SIDE, height: SMOKE_SIDE };
  if (picture.width !== width || picture.height !== height)
    throw smokeFault(`The result has ${picture.width} × ${picture.height} pixels, not ${width} × ${height}.`, SELFTEST);
  if (rangeOf(picture) < LEAST_RANGE) throw smokeFault('The result is all of one colour.', SELFTEST);
  if (changeOf(picture, input) < LEAST_CHANGE) throw smokeFault('The result is the picture as it was sent.', SELFTEST);
  return picture;
}

const SELFTEST =
  'Run `qwen-edit selftest` on the machine of the worker, and `qwen-edit model verify` on its model; look at the log of the worker.';

/** The largest range of a channel, in levels. */
function rangeOf({ data }: Pixels): number {
  const least = [255, 255, 255];
  const most = [0, 0, 0];
  for (const [i, value] of data.entries()) {
    const channel = i % 3;
    least[channel] = Math.min(least[channel] ?? 255, value);
    most[channel] = Math.max(most[channel] ?? 0, value);
  }
  return Math.max(...most.map((value, channel) => value - (least[channel] ?? 0)));
}

/** Mean difference in levels; infinite for another size. */
function changeOf(a: Pixels, b: Pixels): number {
  if (a.width !== b.width || a.height !== b.height) return Number.POSITIVE_INFINITY;
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - (b.data[i] ?? 0)), 0) / a.data.length;
}
