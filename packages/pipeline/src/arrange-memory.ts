import { GUIDE_DEFAULTS, type Size } from '@qwen-edit/contract';
import type { Device } from './engine/devices.ts';
import type { LoadedModel, Residency } from './engine/model.ts';
import type { Precision } from './engine/precision.ts';
import { HOLD_ALL, type Holding } from './engine/segment-chain.ts';
import type { ModelFolder } from './hub/model-folder.ts';
import { residencyOf } from './plan/memory.ts';
import { modelShape } from './plan/model-shape.ts';
import { plannedEdit } from './plan/planned-edit.ts';
import { tokensOf } from './plan/sequence.ts';

/** What of an edit decides about memory. */
interface ArrangedEdit {
  readonly size: Size;
  readonly references: readonly Size[];
  readonly steps: number;
  readonly numImages: number;
  /** The prompt, and the negative one under guidance. */
  readonly prompts: readonly string[];
}

/**
 * Lets a model hold what the plan of an edit says for the memory that it was loaded with. An edit that cannot be planned, or of whose memory
 * nobody knows, is made with everything held.
 */
export async function arrangeFor(model: LoadedModel, edit: ArrangedEdit): Promise<void> {
  const { folder, device, precision, memoryBytes } = model;
  if (memoryBytes === undefined) return;
  const [promptTokens = 0, negativeTokens = 0] = edit.prompts.map((text) => tokensOf(Buffer.byteLength(text)));
  const planned = { conditionArea: folder.edit.condition_image_size, guidance: edit.prompts.length > 1 };
  await model.arrange(
    orAll(() =>
      residencyOf(
        modelShape(folder),
        { ...edit, ...planned, promptTokens, negativeTokens },
        { device: device.name, precision: precision.name, memoryBytes },
      ),
    ),
  );
}

const USUAL_PICTURE: Size = { width: 1024, height: 1024 };

/**
 * What is held from the loading of a model until its first edit: what would be for an edit of usual size if it stays between edits, and nothing that
 * is opened in another way then.
 */
export function firstResidency(
  folder: ModelFolder,
  known: { readonly device: Device; readonly precision: Precision; readonly memoryBytes: number },
): Residency {
  const { vision, language, transformer } = orAll(() =>
    residencyOf(modelShape(folder), plannedEdit({ ...folder.edit }, [USUAL_PICTURE], GUIDE_DEFAULTS), {
      device: known.device.name,
      precision: known.precision.name,
      memoryBytes: known.memoryBytes,
    }),
  );
  const first = (holding: Holding): Holding => (holding.stays && !holding.prepacks ? holding : NOTHING);
  return { vision: first(vision), language: first(language), transformer: first(transformer) };
}

const NOTHING: Holding = { held: 0, stays: false, prepacks: false };
const ALL: Residency = { vision: HOLD_ALL, language: HOLD_ALL, transformer: HOLD_ALL };

function orAll(plan: () => Residency): Residency {
  try {
    return plan();
  } catch {
    return ALL;
  }
}
