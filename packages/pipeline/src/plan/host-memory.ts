import type { ModelShape } from '@qwen-edit/contract';
import { type Device, deviceNamed } from '../engine/devices.ts';
import type { Residency } from '../engine/model.ts';
import { lengthOf, MODULATIONS, placesOf } from './activations.ts';
import { F32 } from './compute-form.ts';
import { type MemoryOptions, PROCESS_BYTES, SESSION_BYTES } from './edit-needs.ts';
import { type EditNeeds, STAGES, stageWeights } from './residency.ts';
import { type PlannedEdit, sequenceOf } from './sequence.ts';

const RGB = 3;
/** Target, references and words, as a segment gives them, those before, and those that the garbage collector has not found yet. */
const RETURNED = 3;

/**
 * Bytes of main memory that an engine needs beside a device's own: the process and its sessions, modulations of all steps, one segment whose
 * weights are cast, pictures, and what segments give if it returns to the host. Pages of weight files come on top, and can be dropped.
 */
export function hostBytes(
  shape: ModelShape,
  edit: PlannedEdit,
  { needs, residency, on }: { readonly needs: EditNeeds; readonly residency: Residency; readonly on: MemoryOptions },
): number {
  const { transformer, vision, language, modulation } = needs.weights;
  const device = deviceNamed(on.device, on.kernels);
  const cast = [vision, modulation, ...(transformer.prepared > 0 ? [] : [transformer, language])];
  const sessions = Math.max(...STAGES.map((stage) => stageWeights(needs, residency, stage).sessions));
  const castBytes = isInF32(shape) ? 0 : Math.max(...cast.flatMap(({ segments }) => segments));
  const { hidden_size: d, layers } = shape.transformer;
  const modulations = (edit.steps + 1) * MODULATIONS * layers * d * F32;
  const pictures = 2 * RGB * F32 * Math.max(...[edit.size, ...edit.references].map(placesOf));
  return (
    PROCESS_BYTES +
    (edit.loraBytes ?? 0) +
    (sessions * SESSION_BYTES + castBytes + modulations + pictures + returnedBytes(shape, edit, device))
  );
}

function isInF32({ transformer }: ModelShape): boolean {
  return Object.keys(transformer.weights.dtypes).every((dtype) => dtype === 'F32');
}

function returnedBytes(shape: ModelShape, edit: PlannedEdit, { keepsOutputs }: Pick<Device, 'keepsOutputs'>): number {
  if (keepsOutputs) return 0;
  const prompts = edit.guidance ? 2 : 1;
  return RETURNED * prompts * lengthOf(sequenceOf(shape, edit)) * shape.transformer.hidden_size * F32;
}
