import type { DeviceName, ModelShape, PrecisionName, Size } from '@qwen-edit/contract';
import { deviceNamed, type KernelSet } from '../engine/devices.ts';
import { vaeStays } from '../engine/vae.ts';
import { isTiled, UNTILED_AREA } from '../engine/vae-tiling.ts';
import { editActivations, openingBytes } from './activations.ts';
import { computeForm } from './compute-form.ts';
import { deviceActivations, vaeKernelBytes } from './device-activations.ts';
import { modelWeights } from './network-weights.ts';
import { type EditNeeds, roomIn, type Stage } from './residency.ts';
import type { PlannedEdit } from './sequence.ts';

export interface MemoryOptions {
  readonly device: DeviceName;
  /** Those that the device computes with; `fast` if nobody says. */
  readonly kernels?: KernelSet | undefined;
  readonly precision: PrecisionName;
  /** What the engine may use where the weights are: main memory, or the device's own. Undefined if nobody knows. */
  readonly memoryBytes: number | undefined;
  /** Devices that share the segments and that memory, in equal parts; one if nobody says. */
  readonly devices?: number | undefined;
  /** How the transformer is cut: see segmentBytesFor. */
  readonly segmentBytes?: number | undefined;
}

const MB = 1e6;
/** Node, ONNX Runtime and the picture library: anonymous memory, and pages of their own files. */
export const PROCESS_BYTES = 170 * MB;
export const SESSION_BYTES = 2 * MB;
/** What a driver, its libraries and their workspaces have in a device's own memory. An assumption, as what one session has. */
const CONTEXT_BYTES = 700 * MB;
const DEVICE_SESSION_BYTES = 4 * MB;

/**
 * What an edit needs in so much memory. On a device with memory of its own, pictures that the VAE cannot work on as a whole there are
 * tiled, those that need most first.
 */
export function editNeeds(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): EditNeeds {
  if (!deviceNamed(options.device).ownMemory) return wholeNeeds(shape, edit, options);
  const room = roomIn(options.memoryBytes);
  const areas = [edit.size, ...edit.references].filter((size) => !isTiled(size.width, size.height)).map(areaOf);
  const candidates = [UNTILED_AREA, ...[...new Set(areas)].toSorted((a, b) => b - a).map((area) => area - 1)];
  const each = candidates.map((area) => needsWith(shape, edit, options, area));
  return each.find((needs) => vaeFits(needs, room)) ?? each.at(-1) ?? needsWith(shape, edit, options, 0);
}

/** The same with as many tiles as there can be. */
export function leastNeeds(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): EditNeeds {
  return needsWith(shape, edit, options, deviceNamed(options.device).ownMemory ? 0 : UNTILED_AREA);
}

/** And with no more of them than diffusers has. */
export function wholeNeeds(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): EditNeeds {
  return needsWith(shape, edit, options, UNTILED_AREA);
}

const areaOf = ({ width, height }: Size): number => width * height;

/** Whether the VAE has room for itself: the other networks are not there then if they cannot be. */
function vaeFits({ process, session, activations, largest, largestArray }: EditNeeds, room: number): boolean {
  return (['encode_pictures', 'decode'] as const).every(
    (stage) => process + session + activations[stage] <= room && largest[stage] <= largestArray,
  );
}

function needsWith(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions, untiledArea: number): EditNeeds {
  const device = deviceNamed(options.device, options.kernels);
  const form = computeForm(options.precision, device);
  const weights = modelWeights(shape, form, options.segmentBytes);
  const shared = {
    ...{ weights, untiledArea, keepsWorkspace: device.keepsWorkspace, largestArray: device.largestArray },
    runs: edit.steps * edit.numImages * (edit.guidance ? 2 : 1),
  };
  const { loraBytes = 0 } = edit;
  if (!device.ownMemory)
    return {
      ...shared,
      ...{ process: PROCESS_BYTES + loraBytes, session: SESSION_BYTES, opening: openingBytes(shape) },
      activations: editActivations(shape, edit, weights),
      largest: NONE,
      laysOut: weights.transformer.prepared > 0,
    };
  const stays = vaeStays(device);
  const { stages, largest } = deviceActivations(shape, edit, { form, untiledArea, vaeStays: stays });
  // Each of several devices has these.
  const { devices = 1 } = options;
  const activations = mapStages((stage) => devices * stages[stage]);
  return {
    ...shared,
    // Each segment is given its own when it runs.
    process:
      devices * CONTEXT_BYTES + loraBytes / weights.transformer.segments.length + (stays ? vaeKernelBytes(shape) : 0),
    ...{ session: DEVICE_SESSION_BYTES, opening: 0 },
    ...{ activations, largest, laysOut: false },
  };
}

function mapStages(of: (stage: Stage) => number): Readonly<Record<Stage, number>> {
  return {
    encode_text: of('encode_text'),
    encode_pictures: of('encode_pictures'),
    modulate: of('modulate'),
    denoise: of('denoise'),
    decode: of('decode'),
  };
}

const NONE = mapStages(() => 0);
