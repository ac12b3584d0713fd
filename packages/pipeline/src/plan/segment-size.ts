import type { ModelShape, Size } from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import { SEGMENT_BYTES } from '../engine/segment-chain.ts';
import { leastNeeds, type MemoryOptions, wholeNeeds } from './edit-needs.ts';
import { plannedEdit } from './planned-edit.ts';
import { fitsIn, leastFor } from './residency.ts';
import type { PlannedEdit } from './sequence.ts';

/** A fifth of the real model's blocks: large enough that few sessions have a workspace, small enough to be told of and cancelled. */
const LARGE_SEGMENT = 8 * 2 ** 30;
const LARGE = [LARGE_SEGMENT, Number.MAX_SAFE_INTEGER];
const USUAL_PICTURE: Size = { width: 1024, height: 1024 };

/**
 * Up to how many bytes of the checkpoint blocks are put into one segment. Where each session keeps what it has computed with, few large
 * segments take less memory than many small ones: the smallest that leave room for all of the transformer in an edit of usual size. If none
 * do, segments are as small as elsewhere, since they stream.
 */
export function segmentBytesFor(shape: ModelShape, options: Omit<MemoryOptions, 'segmentBytes'>): number {
  if (!deviceNamed(options.device).keepsWorkspace) return SEGMENT_BYTES;
  const { memoryBytes = Number.POSITIVE_INFINITY, devices = 1 } = options;
  // Each of several devices needs segments of its own.
  if (devices > 1) return SEGMENT_BYTES;
  const edit = plannedEdit({}, [USUAL_PICTURE], {});
  const fits = (segmentBytes: number): boolean =>
    fitsIn(wholeNeeds(shape, edit, { ...options, segmentBytes })) <= memoryBytes;
  return LARGE.find(fits) ?? SEGMENT_BYTES;
}

/** With how little memory every segment of the transformer is held while it denoises, cut as is best for that. */
export function fitsBytes(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): number {
  const cuts = deviceNamed(options.device).keepsWorkspace ? [SEGMENT_BYTES, ...LARGE] : [SEGMENT_BYTES];
  return Math.min(...cuts.map((segmentBytes) => fitsIn(wholeNeeds(shape, edit, { ...options, segmentBytes }))));
}

/** With how little an edit can be made at all, with segments as small as there are, and all the tiles that can be. */
export function leastBytes(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): number {
  return leastFor(leastNeeds(shape, edit, options));
}
