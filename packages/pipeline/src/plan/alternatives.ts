import {
  type MemoryPlan,
  type MemoryVerdict,
  type ModelShape,
  type PlanAlternative,
  runnablePrecisions,
  type Size,
} from '@qwen-edit/contract';
import type { MemoryOptions } from './edit-needs.ts';
import { planMemory } from './memory.ts';
import type { PlannedEdit } from './sequence.ts';

/** Whether one verdict is better than another. */
const RANK: Readonly<Record<MemoryVerdict, number>> = { unknown: 0, too_large: 0, streams: 1, fits: 2 };

const GB = 1e9;
const STEP = 32;

/** The plan of an edit, and what would fit if the edit does not. `drafted`: the same edit with the preset `draft`. */
export function planWithAlternatives(
  shape: ModelShape,
  edit: PlannedEdit,
  drafted: PlannedEdit,
  options: MemoryOptions,
): MemoryPlan {
  const plan = planMemory(shape, edit, options);
  if (plan.verdict === 'fits' || plan.verdict === 'unknown') return { ...plan, alternatives: [] };
  const better = (changed: Partial<PlannedEdit>, other: Partial<MemoryOptions> = {}): boolean =>
    RANK[planMemory(shape, { ...edit, ...changed }, { ...options, ...other }).verdict] > RANK[plan.verdict];
  return {
    ...plan,
    alternatives: [
      ...smallerSize(edit, (changed) => better(changed)),
      ...draft(drafted, (changed) => better(changed)),
      ...fewerReferences(edit, (changed) => better(changed)),
      ...otherPrecisions(options, (precision) => better({}, { precision })),
      ...(plan.verdict === 'streams' ? [fromDisk(plan)] : []),
    ],
  };
}

type Helps = (changed: Partial<PlannedEdit>) => boolean;
const available = true;

/** The largest size of the same shape that helps. */
function smallerSize({ size }: PlannedEdit, helps: Helps): readonly PlanAlternative[] {
  const scaled = (scale: number): Size => ({
    width: Math.max(STEP, Math.floor((size.width * scale) / STEP) * STEP),
    height: Math.max(STEP, Math.floor((size.height * scale) / STEP) * STEP),
  });
  const scales = Array.from({ length: 60 }, (_, i) => 1 - (i + 1) / 64);
  const found = scales
    .map(scaled)
    .find((each) => each.width * each.height < size.width * size.height && helps({ size: each }));
  if (found === undefined) return [];
  return [{ kind: 'size', text: `a result of ${found.width} × ${found.height} or less`, available }];
}

function draft({ size, references }: PlannedEdit, helps: Helps): readonly PlanAlternative[] {
  if (!helps({ size, references })) return [];
  const text = `the preset draft: ${size.width} × ${size.height}, and references of that size`;
  return [{ kind: 'draft', text, available }];
}

function fewerReferences({ references }: PlannedEdit, helps: Helps): readonly PlanAlternative[] {
  const counts = Array.from({ length: Math.max(0, references.length - 1) }, (_, i) => references.length - 1 - i);
  const found = counts.find((count) => helps({ references: references.slice(0, count) }));
  if (found === undefined) return [];
  return [{ kind: 'references', text: `${found} ${found === 1 ? 'picture' : 'pictures'} or fewer`, available }];
}

function otherPrecisions({ device, precision }: MemoryOptions, helps: (name: MemoryPlan['precision']) => boolean) {
  return runnablePrecisions(device)
    .filter((name) => name !== precision)
    .filter(helps)
    .map((name): PlanAlternative => ({ kind: 'precision', text: `precision ${name}`, available }));
}

function fromDisk({
  disk_bytes_a_step,
  host_bytes,
}: Pick<MemoryPlan, 'disk_bytes_a_step' | 'host_bytes'>): PlanAlternative {
  const gigabytes = disk_bytes_a_step / GB;
  const how = host_bytes === null ? 'from disk: each step reads' : 'from files: each step copies';
  const text = `as it is, ${how} ${gigabytes.toFixed(1)} GB, ${Math.ceil(gigabytes)} s at 1 GB/s`;
  return { kind: 'disk', text, available };
}

/** The side of the largest square result, with one reference, that an engine can make at all; undefined if there is none. */
export function largestSide(
  shape: ModelShape,
  edit: Omit<PlannedEdit, 'size'>,
  options: MemoryOptions & { readonly mostSide: number },
): number | undefined {
  const works = (side: number): boolean =>
    planMemory(shape, { ...edit, size: { width: side, height: side } }, options).verdict !== 'too_large';
  let [low, high] = [0, Math.floor(options.mostSide / STEP)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (works(middle * STEP)) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? undefined : low * STEP;
}
