import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Instructions that decide how fast each precision is, by the words that Linux has for them on x86 and on ARM. */
const INSTRUCTIONS = [
  ['AVX-512 VNNI', /\bavx512_vnni\b/],
  ['AVX-VNNI', /\bavx_vnni\b/],
  ['AMX int8', /\bamx_int8\b/],
  ['AMX bf16', /\bamx_bf16\b/],
  ['AVX-512 bf16', /\bavx512_bf16\b/],
  ['dot products', /\basimddp\b/],
  ['i8mm', /\bi8mm\b/],
  ['bf16', /\bbf16\b/],
] as const;
/** Those that are named when they are missing. */
const X86 = INSTRUCTIONS.slice(0, 5).map(([name]) => name);

/**
 * The first processor of a /proc/cpuinfo in words: its model, the numbers by which models of one name differ, and what it has of
 * the instructions that matter here. Undefined for a text that tells none of it.
 *
 * @example
 * processorOf(readFileSync('/proc/cpuinfo', 'utf8'))
 * // 'AMD EPYC 9R14 (family 25, model 17; AVX-512 VNNI, AVX-512 bf16; no AVX-VNNI, AMX int8, AMX bf16)'
 */
export function processorOf(cpuinfo: string): string | undefined {
  const value = (key: string): string | undefined => new RegExp(`^${key}\\s*: (.+)$`, 'm').exec(cpuinfo)?.[1]?.trim();
  const flags = value('flags') ?? value('Features');
  if (flags === undefined) return undefined;
  const isArm = value('flags') === undefined;
  const numbers = isArm
    ? [`implementer ${value('CPU implementer') ?? '?'}`, `part ${value('CPU part') ?? '?'}`]
    : [`family ${value('cpu family') ?? '?'}`, `model ${value('model') ?? '?'}`];
  const has = INSTRUCTIONS.flatMap(([name, pattern]) => (pattern.test(flags) ? [name] : []));
  const lacks = isArm ? [] : X86.filter((name) => !has.includes(name));
  const parts = [numbers.join(', '), has.join(', '), lacks.length === 0 ? '' : `no ${lacks.join(', ')}`];
  return `${value('model name') ?? 'ARM'} (${parts.filter((part) => part !== '').join('; ')})`;
}

/** This machine's processor, as processorOf tells it where there is a /proc/cpuinfo, and else by its name alone. */
export function processorName(): string {
  let cpuinfo = '';
  try {
    cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    // Other systems than Linux have none.
  }
  return processorOf(cpuinfo) ?? cpus()[0]?.model ?? 'unknown processor';
}
