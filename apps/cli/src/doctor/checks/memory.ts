import { costOf, type EstimatedModel, type MemoryPlan } from '@qwen-edit/contract';
import { readDataDirLock } from '@qwen-edit/db';
import type { AvailableMemory } from '@qwen-edit/pipeline';
import { isOnProcessor, memoryOfEdits, memoryOfEngine } from '../../engine-share.ts';
import { usablePrecision } from '../../precision-setting.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { gibText } from '../sizes.ts';

/** What people mostly send. */
const USUAL_PICTURE = { width: 1024, height: 1024 };

/** Memory that engines may use, against what the plan of a usual edit says that it needs. */
export const checkMemory: Check = async (deps) => {
  const { host, config, engines } = deps;
  const { totalBytes, availableBytes, limitedBy } = await deps.availableMemory();
  const swap = /^SwapTotal:\s+(\d+) kB$/m.exec((await host.read('/proc/meminfo')) ?? '')?.[1];
  const ofEdits = memoryOfEdits(config, { totalBytes });
  const isLimited = ofEdits < totalBytes;
  const facts = [
    `${gibText(availableBytes)} free of ${gibText(totalBytes)}`,
    ...(limitedBy === 'cgroup' ? ['the limit of the control group'] : []),
    ...(isLimited ? [`of which QWEN_EDIT_CPU_MAX_MEMORY allows ${gibText(ofEdits)}`] : []),
    ...(swap === undefined ? [] : [`swap ${swap === '0' ? 'none' : gibText(Number(swap) * 1024)}`]),
  ].join(', ');
  const unused = unusedLimit(config.maxMemoryBytes, { totalBytes, limitedBy });
  const onProcessor = engines.engines.filter(isOnProcessor).length;
  if (onProcessor === 0) return [okFinding(`${facts}; engines compute in the memory of cards`), ...unused];
  const planFor = await planner(deps);
  // Each engine plans with its share, as if it were alone.
  const forOne = memoryOfEngine(engines.engines.length, config, { totalBytes });
  const usual = planFor?.(forOne, 'usual');
  if (planFor === undefined || usual === undefined)
    return [okFinding(`${facts}; what an edit needs can be told when the model is here`), ...unused];
  const now = planFor(Math.min(availableBytes, ofEdits), 'usual') ?? usual;
  const circumstances = { facts, engines: onProcessor, isLimited };
  const findings = [verdictOf(usual, planFor(forOne, 'draft') ?? usual, circumstances), ...unused];
  if (usual.verdict !== 'too_large' && now.verdict === 'too_large') findings.push(await shortNow(deps, now));
  else if (usual.verdict === 'fits' && now.verdict === 'streams')
    findings.push(
      noteFinding(
        `Of these, ${gibText(availableBytes)} are free now: until other programs give some back, weights are read from disk in each step.`,
        'Close other programs.',
      ),
    );
  return findings;
};

/** A limit above what there is has no effect: the guide's is 120 GiB. */
function unusedLimit(
  limit: number | undefined,
  { totalBytes, limitedBy }: Pick<AvailableMemory, 'totalBytes' | 'limitedBy'>,
): Finding[] {
  if (limit === undefined || limit <= totalBytes) return [];
  const owner = limitedBy === 'cgroup' ? 'container' : 'machine';
  return [
    noteFinding(
      `QWEN_EDIT_CPU_MAX_MEMORY allows ${gibText(limit)}, and the ${owner} has ${gibText(totalBytes)}, which counts.`,
    ),
  ];
}

type Planner = (memoryBytes: number, kind: 'usual' | 'draft') => MemoryPlan | undefined;

/** undefined where nothing is known of the model: it is neither here nor one whose widths are known. */
async function planner({ chosen, modelDir, config, inspectModel }: DoctorDeps): Promise<Planner | undefined> {
  const { estimateEdit, knownModelShape } = await import('@qwen-edit/pipeline');
  const shape = chosen.kind === 'hub' ? knownModelShape(chosen.ref.repo) : undefined;
  const facts: EstimatedModel | undefined =
    modelDir === undefined ? shape && { shape } : await inspectModel(modelDir).catch(() => undefined);
  if (facts?.shape === undefined) return undefined;
  const model = { ...facts, device: 'cpu', precision: usablePrecision(config, 'cpu') };
  return (memory_bytes, kind) =>
    estimateEdit(
      { ...model, machine: { memory_bytes, threads: 1 } },
      [USUAL_PICTURE],
      costOf(kind === 'draft' ? { preset: 'draft' } : {}),
    ).memory ?? undefined;
}

interface Circumstances {
  readonly facts: string;
  readonly engines: number;
  /** True if QWEN_EDIT_CPU_MAX_MEMORY is less than what there is. */
  readonly isLimited: boolean;
}

function verdictOf(usual: MemoryPlan, draft: MemoryPlan, { facts, engines, isLimited }: Circumstances): Finding {
  const each = engines === 1 ? 'An edit of usual size' : `An edit of usual size beside ${engines - 1} others`;
  const others = usual.alternatives.filter(({ available }) => available);
  const instead = others.length === 0 ? '' : ` What would do: ${others.map(({ text }) => text).join('; ')}.`;
  const fewer = engines === 1 ? '' : ' Lower QWEN_EDIT_MAX_CONCURRENCY.';
  const more = isLimited ? 'raise QWEN_EDIT_CPU_MAX_MEMORY' : 'add memory or raise the limit of the container';
  const plan = '`qwen-edit plan memory` has each stage.';
  switch (usual.verdict) {
    case 'fits':
    case 'unknown':
      return okFinding(`${facts}. ${each} fits: it needs ${gibText(usual.fits_bytes)}`);
    case 'streams':
      return noteFinding(
        `${facts}. ${each} works from disk: to keep the weights in memory it needs ${gibText(usual.fits_bytes)}, else ${gibText(usual.least_bytes)}. A draft ${WORDS[draft.verdict]}.`,
        `For full speed ${more}; else have the model on a fast disk.${fewer}${instead} ${plan}`,
      );
    case 'too_large':
      return {
        ...problemFinding(
          `${facts}. ${each} cannot run: it needs ${gibText(usual.least_bytes)} at least. A draft ${WORDS[draft.verdict]}.`,
          {
            cause: 'With less, the system ends the engine (engine_crashed, out_of_memory).',
            remedy: `${more.charAt(0).toUpperCase()}${more.slice(1)}.${fewer}${instead} ${plan}`,
          },
        ),
        code: 'out_of_memory',
      };
  }
}

const WORDS: Readonly<Record<MemoryPlan['verdict'], string>> = {
  fits: 'fits',
  unknown: 'fits',
  streams: 'works from disk too',
  too_large: 'cannot run either',
};

/** A service that edits has what is not free; it is none of its problems. */
async function shortNow({ config }: DoctorDeps, { least_bytes, memory_bytes }: MemoryPlan): Promise<Finding> {
  const facts = `Of these, ${gibText(memory_bytes ?? 0)} are free now, and an edit needs ${gibText(least_bytes)} at least.`;
  const isServed = (await readDataDirLock(config.dataDir)) !== undefined;
  if (isServed) return noteFinding(facts, 'Nothing, if the service is editing; else close other programs.');
  return problemFinding(facts, {
    cause: 'Other programs have the rest. The system would end the engine (engine_crashed, out_of_memory).',
    remedy: 'Close other programs, or ask for smaller results (`--preset draft`).',
  });
}
