import { GUIDE_DEFAULTS, type Size } from '@qwen-edit/contract';
import type { Device } from './engine/devices.ts';
import type { FirstArrangement, LoadedModel, Residency } from './engine/model.ts';
import type { Precision } from './engine/precision.ts';
import { HOLD_ALL, type Holding, SEGMENT_BYTES } from './engine/segment-chain.ts';
import { UNTILED_AREA } from './engine/vae-tiling.ts';
import type { ModelFolder } from './hub/model-folder.ts';
import { residencyOf } from './plan/memory.ts';
import { modelShape } from './plan/model-shape.ts';
import { plannedEdit } from './plan/planned-edit.ts';
import { segmentBytesFor } from './plan/segment-size.ts';
import { type PlannedEdit, tokensOf } from './plan/sequence.ts';

/** What of an edit decides about memory. */
interface ArrangedEdit {
  readonly size: Size;
  readonly references: readonly Size[];
  readonly steps: number;
  /** See PlannedEdit. */
  readonly loraBytes: number;
  readonly numImages: number;
  /** The prompt, and the negative one under guidance. */
  readonly prompts: readonly string[];
}

/**
 * Lets a model hold what the plan of an edit says for the memory that it was loaded with: that of the device, if it has its own. An edit that
 * cannot be planned, or of whose memory nobody knows, is made with everything held.
 */
export async function arrangeFor(model: LoadedModel, edit: ArrangedEdit): Promise<void> {
  const { folder, device, precision, segmentBytes } = model;
  const memoryBytes = memoryOf(model);
  if (memoryBytes === undefined) return;
  const [promptTokens = 0, negativeTokens = 0] = edit.prompts.map((text) => tokensOf(Buffer.byteLength(text)));
  const planned = { conditionArea: folder.edit.condition_image_size, guidance: edit.prompts.length > 1 };
  await model.arrange(
    orElse(ALL, () =>
      residencyOf(
        modelShape(folder),
        { ...edit, ...planned, promptTokens, negativeTokens },
        { ...placeOf(device), precision: precision.name, memoryBytes, segmentBytes },
      ),
    ),
  );
}

type Memory = Pick<LoadedModel, 'device' | 'memoryBytes' | 'deviceMemoryBytes'>;

const placeOf = ({ name, kernels, spread }: Device) => ({ device: name, kernels, devices: spread.length });

/** Bytes of the memory that weights are in. */
const memoryOf = ({ device, memoryBytes, deviceMemoryBytes }: Memory): number | undefined =>
  device.ownMemory ? deviceMemoryBytes : memoryBytes;

const USUAL_PICTURE: Size = { width: 1024, height: 1024 };

/**
 * How a model is loaded: into what segments its transformer is cut, and what is held until its first edit, which is what would be for an edit
 * of usual size if it stays between edits, and nothing that is opened in another way then.
 */
export function firstArrangement(
  folder: ModelFolder,
  known: Memory & { readonly precision: Precision },
): FirstArrangement {
  const { device, precision } = known;
  const memoryBytes = memoryOf(known);
  const on = { ...placeOf(device), precision: precision.name, memoryBytes };
  const edit = (): PlannedEdit => plannedEdit({ ...folder.edit }, [USUAL_PICTURE], GUIDE_DEFAULTS);
  const segmentBytes = orElse(SEGMENT_BYTES, () => segmentBytesFor(modelShape(folder), on));
  const { vision, language, transformer, untiledArea } = orElse(ALL, () =>
    residencyOf(modelShape(folder), edit(), { ...on, segmentBytes }),
  );
  const first = (holding: Holding): Holding => (holding.stays && !holding.prepacks ? holding : NOTHING);
  const residency = {
    untiledArea,
    ...{ vision: first(vision), language: first(language), transformer: first(transformer) },
  };
  return { residency, segmentBytes };
}

const NOTHING: Holding = { held: 0, stays: false, prepacks: false };
const ALL: Residency = { untiledArea: UNTILED_AREA, vision: HOLD_ALL, language: HOLD_ALL, transformer: HOLD_ALL };

function orElse<T>(otherwise: T, plan: () => T): T {
  try {
    return plan();
  } catch {
    return otherwise;
  }
}
