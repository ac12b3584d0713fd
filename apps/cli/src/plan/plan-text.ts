import { aboutSeconds, type MemoryPlan, type ModelEstimate, type PlanStage } from '@qwen-edit/contract';
import { inGigabytes } from './byte-size.ts';

export interface PlannedMemory {
  /** A folder, or a name on the hub. */
  readonly model: string;
  readonly estimate: ModelEstimate | Omit<ModelEstimate, 'id' | 'digest' | 'ready' | 'workers'>;
  readonly memory: MemoryPlan;
}

const STAGES: Readonly<Record<PlanStage['stage'], string>> = {
  load: 'load',
  encode_text: 'encode text',
  encode_pictures: 'encode pictures',
  modulate: 'modulate',
  denoise: 'denoise',
  decode: 'decode',
};

/** The plan for people: a line for each stage, whether it fits, and what would. */
export function planText({ model, estimate, memory }: PlannedMemory): string {
  const { result, references, num_inference_steps: steps, flops, seconds } = estimate;
  const pictures = references.length === 1 ? '1 picture' : `${references.length} pictures`;
  const head = `${model}: ${memory.precision} on ${memory.device}, ${result.width} x ${result.height} from ${pictures}, ${steps} steps`;
  const isOwn = memory.host_bytes !== null;
  const computes = `It computes ${Math.round((flops?.total ?? 0) / 1e12)} TFLOP`;
  const time =
    flops === null || seconds === null
      ? []
      : [isOwn ? `${computes}.` : `${computes}: ${aboutSeconds(seconds.median)} here, as a rough figure.`];
  return [
    head,
    '',
    row('stage', 'held', isOwn ? 'copied' : 'from disk', 'kept', 'computing', 'together'),
    ...memory.stages.map((stage) =>
      row(
        STAGES[stage.stage],
        inGigabytes(stage.held_bytes),
        inGigabytes(stage.streamed_bytes),
        inGigabytes(stage.resident_bytes),
        inGigabytes(stage.activations_bytes),
        inGigabytes(stage.total_bytes),
      ),
    ),
    '',
    ...(memory.obstacle === null ? [] : [memory.obstacle]),
    ...verdictLines(memory),
    ...heldLine(memory),
    ...preparedLine(memory),
    ...hostLine(memory),
    ...tiledLine(memory),
    ...time,
    '',
  ].join('\n');
}

function row(first: string, ...cells: readonly string[]): string {
  return first.padEnd(17) + cells.map((cell) => cell.padStart(11)).join('');
}

const NAMES = { vision: 'vision tower', language: 'language model', transformer: 'transformer' } as const;

/** What stays in memory, and for how long. */
function heldLine({ residency, verdict }: MemoryPlan): readonly string[] {
  if (verdict === 'too_large') return [];
  const { vision, language, transformer } = residency;
  const all = [vision, language, transformer];
  if (all.every(({ segments, held, stays }) => held === segments && stays))
    return ['All networks stay in memory between edits.'];
  const words = (['transformer', 'language', 'vision'] as const).map((name) => {
    const { segments, held, stays } = residency[name];
    const share = held === segments ? 'all' : held === 0 ? 'nothing' : `${held} of ${segments} segments`;
    return `${share} of the ${NAMES[name]}${held === 0 ? '' : stays ? ', also between edits' : ', in its stage'}`;
  });
  return [`In memory: ${words.join('; ')}.`];
}

function preparedLine({ prepared_bytes, precision }: MemoryPlan): readonly string[] {
  return prepared_bytes === 0
    ? []
    : [`Weights are prepared in ${precision} once: ${inGigabytes(prepared_bytes)} on disk.`];
}

function hostLine({ host_bytes }: MemoryPlan): readonly string[] {
  return host_bytes === null
    ? []
    : [`Of main memory it takes ${inGigabytes(host_bytes)} beside, and pages of the weight files as there is room.`];
}

function tiledLine({ tiled }: MemoryPlan): readonly string[] {
  return tiled
    ? ['The VAE works in tiles, since whole pictures do not fit: the picture differs a little from a whole one.']
    : [];
}

function verdictLines(memory: MemoryPlan): readonly string[] {
  const { verdict, memory_bytes, peak_bytes, fits_bytes, least_bytes, alternatives } = memory;
  const needs = `It needs ${inGigabytes(fits_bytes)}`;
  const from = memory.host_bytes === null ? 'read from disk' : 'copied from files';
  const others = alternatives.map(({ text }) => `  - ${text}`);
  const would = others.length === 0 ? [] : ['What would do:', ...others];
  switch (verdict) {
    case 'unknown':
      return [`${needs}. Give --memory to learn whether it fits.`];
    case 'fits':
      return [
        `It fits: the stage that needs most takes ${inGigabytes(peak_bytes)} of ${inGigabytes(memory_bytes ?? 0)}.`,
      ];
    case 'streams':
      return [
        `It does not fit: it needs ${inGigabytes(fits_bytes)} to keep the weights in memory, and there are ${inGigabytes(memory_bytes ?? 0)}.`,
        `It runs all the same, with weights ${from} in each step: ${inGigabytes(least_bytes)} are enough, with patience.`,
        ...would,
      ];
    case 'too_large':
      // What is in the way, if it is not memory, is told before.
      if (memory_bytes === null || least_bytes <= memory_bytes) return ['It does not fit.', ...would];
      return [
        `It does not fit: ${inGigabytes(least_bytes)} at least, and there are ${inGigabytes(memory_bytes ?? 0)}.`,
        ...would,
      ];
  }
}
