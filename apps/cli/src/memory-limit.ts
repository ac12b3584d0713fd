import { AppError, costOf, type EstimatedModel, type MemoryPlan, type Size } from '@qwen-edit/contract';
import { type AvailableMemory, estimateEdit, inspectModel } from '@qwen-edit/pipeline';
import type { KnownCost } from './cost-note.ts';
import { memoryOfEngine } from './engine-share.ts';
import { inGigabytes } from './plan/byte-size.ts';
import type { Config } from './settings.ts';

const USUAL_PICTURE: Size = { width: 1024, height: 1024 };
/** The smallest result that anybody asks for, in the smallest sides that the model makes. */
const MULTIPLES = 4;

type Limits = Pick<Config, 'maxMemoryBytes'>;

/** The model of an edit, and what of it costs memory. */
interface LimitedEdit {
  readonly modelDir: string;
  readonly precision: string;
  readonly cost: KnownCost | undefined;
}

/**
 * To be called before the model of an edit is loaded. Throws AppError `out_of_memory`, with what would fit, if it needs more than
 * QWEN_EDIT_CPU_MAX_MEMORY allows in whatever way it is computed. What the machine itself lacks is only warned of: see costNotes.
 */
export async function requireMemoryForEdit(
  { modelDir, precision, cost }: LimitedEdit,
  config: Limits,
  memory: number,
): Promise<void> {
  if (config.maxMemoryBytes === undefined || cost === undefined) return;
  // A folder that cannot work is told by the engine, which looks at it anyway.
  const model = await inspectModel(modelDir, { precision }).catch(() => undefined);
  const plan = model && planFor(model, cost, memory);
  if (plan?.verdict !== 'too_large') return;
  const others = plan.alternatives.filter(({ available: runs }) => runs).map(({ text }) => text);
  throw new AppError(
    'out_of_memory',
    `This edit needs ${inGigabytes(plan.least_bytes)} of memory at least, and QWEN_EDIT_CPU_MAX_MEMORY allows ${inGigabytes(memory)}.`,
    { hint: `${['Raise QWEN_EDIT_CPU_MAX_MEMORY', ...others.map((text) => `or ask for ${text}`)].join(', ')}.` },
  );
}

/**
 * The same for a worker with so many engines before it loads its model: throws if no edit of that model is possible within QWEN_EDIT_CPU_MAX_MEMORY, and
 * returns what its log should say if only drafts are not.
 */
export function checkMemoryOfWorker(
  model: EstimatedModel,
  config: Limits,
  available: AvailableMemory,
  engines: number,
): string | undefined {
  if (config.maxMemoryBytes === undefined) return undefined;
  const memory = memoryOfEngine(engines, config, available);
  const side = MULTIPLES * (model.size_multiple ?? 16);
  const smallest = { width: side, height: side };
  const parameters = costOf({ ...smallest, reference_size: 'output' });
  const least = planFor(model, { pictures: [smallest], parameters }, memory);
  const each = engines === 1 ? '' : ` for each of ${engines} engines`;
  const limit = `QWEN_EDIT_CPU_MAX_MEMORY allows ${inGigabytes(memory)}${each}`;
  if (least?.verdict === 'too_large')
    throw new AppError(
      'out_of_memory',
      `The smallest edit needs ${inGigabytes(least.least_bytes)} of memory, and ${limit}.`,
      {
        hint: 'Raise QWEN_EDIT_CPU_MAX_MEMORY, or lower QWEN_EDIT_MAX_CONCURRENCY. `qwen-edit plan memory` has the plan.',
      },
    );
  const draft = planFor(model, { pictures: [USUAL_PICTURE], parameters: costOf({ preset: 'draft' }) }, memory);
  if (draft?.verdict !== 'too_large') return undefined;
  return `A draft needs ${inGigabytes(draft.least_bytes)} of memory, and ${limit}: most edits cannot run.`;
}

function planFor(
  model: EstimatedModel,
  { pictures, parameters }: KnownCost,
  memory_bytes: number,
): MemoryPlan | undefined {
  try {
    return estimateEdit({ ...model, machine: { memory_bytes, threads: 1 } }, pictures, parameters).memory ?? undefined;
  } catch {
    // What else is wrong with the edit is told by the edit itself.
    return undefined;
  }
}
