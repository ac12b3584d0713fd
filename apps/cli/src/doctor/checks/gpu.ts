import type { Check } from '../check.ts';
import { noteFinding, okFinding } from '../finding.ts';

const QUERY = ['--query-gpu=index,name,memory.total,memory.used,memory.free', '--format=csv,noheader,nounits'];

/** GPUs, as nvidia-smi tells of them. */
export const checkGpu: Check = async ({ host }, signal) => {
  const text = await host.run('nvidia-smi', QUERY, { signal }).catch(() => undefined);
  if (text === undefined)
    return [okFinding('no GPU of NVIDIA is seen; none is needed: this version computes on the CPU')];
  const gpus = text
    .trim()
    .split('\n')
    .map((line) => line.split(',').map((part) => part.trim()))
    .map(([index, name, total, used, free]) => `${index}: ${name}, ${free} of ${total} MiB free, ${used} in use`);
  return [
    noteFinding(
      `${gpus.join('; ')}. This version computes on the CPU and leaves GPUs alone.`,
      'Settings about GPUs have no effect; other programs may use them.',
    ),
  ];
};
