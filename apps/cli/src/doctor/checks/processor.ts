import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, noteFinding, okFinding } from '../finding.ts';

/** What speeds up which arithmetic, by the names of /proc/cpuinfo. The kernel's names: arch/x86 cpufeatures.h, arm64 hwcap. */
const FEATURES: Readonly<Record<string, string>> = {
  avx2: 'AVX2',
  avx512f: 'AVX-512',
  avx512_vnni: 'AVX-512 VNNI',
  avx_vnni: 'AVX-VNNI',
  avx512_bf16: 'AVX-512 BF16',
  amx_int8: 'AMX int8',
  amx_bf16: 'AMX BF16',
  asimd: 'NEON',
  asimddp: 'dot products',
  i8mm: 'int8 matrix products',
  bf16: 'BF16',
  sve: 'SVE',
};

/** What the processor can do, and whether it has the instructions that make fp32 fast. */
export const checkProcessor: Check = async ({ host }) => {
  const { processorName, cores } = host;
  const named = `${processorName === '' ? 'Unknown processor' : processorName}, ${cores} usable`;
  const found = await featuresOf(host);
  if (found === undefined) return [okFinding(`${named}; this system does not tell its instructions`)];
  const names = Object.entries(FEATURES).flatMap(([flag, name]) => (found.has(flag) ? [name] : []));
  const findings: Finding[] = [
    okFinding(`${named}; ${names.length === 0 ? 'no vector instructions' : names.join(', ')}`),
  ];
  if (host.arch === 'x64' && !found.has('avx2')) {
    findings.push(
      noteFinding(
        'The processor has no AVX2: edits take several times as long.',
        'Use a processor since Haswell or Zen. In a virtual machine, let it have the CPU of its host (`-cpu host`).',
      ),
    );
  }
  return findings;
};

async function featuresOf({ platform, read }: DoctorDeps['host']): Promise<ReadonlySet<string> | undefined> {
  const text = platform === 'linux' ? await read('/proc/cpuinfo') : undefined;
  const [, flags] = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(text ?? '') ?? [];
  return flags === undefined ? undefined : new Set(flags.trim().split(/\s+/));
}
