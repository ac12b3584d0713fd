import { AppError } from '@qwen-edit/contract';
import { bytesText, freeBytes, hasSpace } from '@qwen-edit/files';
import { type Precision, type Preparation, preparedBytes } from '../engine/precision.ts';
import { type HeavySegment, isLaidOut } from './heavy-segments.ts';

/** A precision whose weights are prepared. */
type Prepared = Precision & { readonly preparation: Preparation };

/** Bytes on the disk when all is made, and in files of its own while a segment is made. Padding is less than 1 %. */
function needOf(segment: HeavySegment, { name, preparation }: Prepared, processor: string) {
  const plain = segment.layers.reduce((sum, { n, k }) => sum + preparedBytes(name, n * k), 0);
  // ONNX Runtime writes both forms into a file of its own, from which the laid-out one is taken.
  const twice = isLaidOut(segment, preparation, processor);
  return twice ? { final: 2 * plain, temporary: 2 * plain } : { final: plain, temporary: 0 };
}

/** Resolves with the bytes that they will take. Throws AppError `disk_full`, with figures, if the segments have no room while `lanes` of them are made at a time. */
export async function requireSpaceFor(
  folder: string,
  missing: readonly HeavySegment[],
  precision: Prepared,
  { lanes, processor }: { readonly lanes: number; readonly processor: string },
): Promise<number> {
  const needs = missing.map((segment) => needOf(segment, precision, processor));
  const all = needs.reduce((sum, { final }) => sum + final, 0);
  const largest = Math.max(0, ...needs.map(({ temporary }) => temporary));
  const needed = all + Math.min(lanes, needs.length) * largest;
  const free = await freeBytes(folder);
  if (hasSpace(free, needed)) return all;
  throw new AppError(
    'disk_full',
    `Prepared weights in ${precision.name} take ${bytesText(all)}, ${bytesText(needed)} while they are made, and ${folder} has ${bytesText(free ?? 0)} free.`,
    { hint: 'Free some space, or let QWEN_EDIT_OFFLOAD_FOLDER name a folder on another disk.' },
  );
}
