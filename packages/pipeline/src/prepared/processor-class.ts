import { readFileSync } from 'node:fs';

/** Instructions by which ONNX Runtime chooses how integer weights are laid out. Names of /proc/cpuinfo, newest first. */
const FEATURES = ['amx_int8', 'avx512_vnni', 'avx_vnni', 'avx512bw', 'avx2', 'i8mm', 'sve', 'asimddp'] as const;

/** Stands for a class of processors where weights are not laid out, for devices that take them as they are stored. */
export const NO_LAYOUT = 'any';

/**
 * A name for the processors on which prepacked weights are laid out alike, as `x64-amx_int8-avx512_vnni`. A system that tells nothing of its
 * processor has a class of its own: a cache there is not to be shared between machines.
 */
export function processorClass(
  arch: string = process.arch,
  platform: string = process.platform,
  cpuinfo: string = readCpuinfo(),
): string {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  const has = new Set(line.trim().split(/\s+/));
  const features = FEATURES.filter((feature) => has.has(feature));
  return [arch, ...(line === '' ? [platform] : features)].join('-');
}

const INT8_PRODUCTS = ['amx_int8', 'avx512_vnni', 'avx_vnni'];

/**
 * Whether products of 8-bit integers are exact on this processor. Without VNNI or AMX, an x64 processor sums pairs of them in 16 bits, which
 * overflow. True where the system tells nothing of its processor: the self-test then decides.
 */
export function hasInt8Products(arch: string = process.arch, cpuinfo: string = readCpuinfo()): boolean {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1];
  if (arch !== 'x64' || line === undefined) return true;
  const has = new Set(line.trim().split(/\s+/));
  return INT8_PRODUCTS.some((feature) => has.has(feature));
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
