import { type PrecisionName, precisionObstacle } from '@qwen-edit/contract';
import { type Device, deviceNamed, type KernelSet } from '../engine/devices.ts';

/** With what a device computes. */
export interface Rung {
  readonly kernels: KernelSet;
  readonly precision: PrecisionName;
}

/** Precisions whose arithmetic has fewer digits than fp32. */
const REDUCED: readonly PrecisionName[] = ['fp16', 'bf16'];

/**
 * What is tried on a device, in this order, until its self-test passes: its fast kernels, its safe ones if they are others, and those in
 * fp32 instead of fp16 or bf16. The processor, with which others are compared, has nothing to go on with: if it is wrong, so is its
 * memory or an installation, and other kernels mend neither.
 */
export function kernelLadder(device: string, precision: PrecisionName): readonly Rung[] {
  const [fast, safe] = [deviceNamed(device, 'fast'), deviceNamed(device, 'safe')];
  if (fast.name === deviceNamed().name) return [{ kernels: 'fast', precision }];
  const widens = REDUCED.includes(precision) && precisionObstacle('fp32', safe.name) === undefined;
  return [
    { kernels: 'fast', precision },
    ...(computesAs(fast) === computesAs(safe) && fast.attention === safe.attention
      ? []
      : [{ kernels: 'safe', precision } as const]),
    ...(widens ? [{ kernels: 'safe', precision: 'fp32' } as const] : []),
  ];
}

const computesAs = ({ sessionOptions }: Device): string => JSON.stringify(sessionOptions);
