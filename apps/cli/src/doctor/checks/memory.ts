import type { Check, DoctorDeps } from '../check.ts';
import { groupLimits } from '../control-group.ts';
import { type Finding, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { weightsOf } from '../model-files.ts';
import { gibText } from '../sizes.ts';

/** What Node, an engine and the activations of a small edit need beside the weights. */
const LEAST = 1.5 * 1024 ** 3;
const ROOM = 4 * 1024 ** 3;

/** Memory that is free for engines, by the machine and by the limits of the group, against the weights of the model. */
export const checkMemory: Check = async (deps) => {
  const { host, config } = deps;
  const machine = await machineMemory(host);
  const { memory: limit, memoryUsed = 0 } = await groupLimits(host);
  const free = Math.min(machine.available, limit === undefined ? machine.available : Math.max(0, limit - memoryUsed));
  const limited = limit !== undefined && limit < host.totalMemory ? `, limited to ${gibText(limit)} by the group` : '';
  const swap = machine.swap === undefined ? '' : `, swap ${machine.swap === 0 ? 'none' : gibText(machine.swap)}`;
  const facts = `${gibText(free)} free of ${gibText(host.totalMemory)}${limited}${swap}`;
  const weights = (await weightsOf(deps.modelDir)).reduce((sum, { bytes }) => sum + bytes, 0);
  const findings: Finding[] = [];
  if (free < LEAST) {
    findings.push(
      problemFinding(facts, {
        cause:
          'An engine needs about 1.5 GiB beside the weights; with less the system ends it (engine_crashed, out_of_memory).',
        remedy: 'Free memory, raise the limit of the container, or lower QWEN_EDIT_MAX_CONCURRENCY, width and height.',
      }),
    );
  } else findings.push(okFinding(facts));
  if (free < weights + ROOM * config.maxConcurrency && weights > ROOM) {
    findings.push(
      noteFinding(
        `The weights have ${gibText(weights)}. They are read from the disk again in each step as far as they do not fit.`,
        `For full speed have ${gibText(weights + ROOM * config.maxConcurrency)} free, or a fast disk under the model folder.`,
      ),
    );
  }
  return findings;
};

async function machineMemory({
  read,
  totalMemory,
}: DoctorDeps['host']): Promise<{ available: number; swap: number | undefined }> {
  const text = await read('/proc/meminfo');
  const kib = (name: string): number | undefined => {
    const [, value] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text ?? '') ?? [];
    return value === undefined ? undefined : Number(value) * 1024;
  };
  return { available: kib('MemAvailable') ?? totalMemory, swap: kib('SwapTotal') };
}
