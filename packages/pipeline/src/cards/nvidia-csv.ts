import type { Card } from './card.ts';

/** Fields to ask nvidia-smi for. Old drivers do not know all of them, and refuse the whole question then. */
export const ALL_FIELDS = [
  ...['index', 'uuid', 'name', 'memory.total', 'memory.used', 'memory.free'],
  ...['driver_version', 'compute_cap', 'mig.mode.current'],
] as const;
/** Those that every driver since 2013 knows. */
export const OLD_FIELDS = ALL_FIELDS.slice(0, 7);

const MIB = 2 ** 20;
/** The name is the only field with commas in it: so many fields stand before it. */
const BEFORE_NAME = 2;
/** What stands in the place of a value: `[N/A]`, `[Not Supported]`, `[Insufficient Permissions]`, `[GPU is lost]`, `ERR!`. */
const NO_VALUE = /^(\[.*\]|N\/A|ERR!)$/i;
/** Of these words, those that say that the card itself does not work. */
const BROKEN = /lost|requires reset|unknown error|^ERR!$/i;

interface NvidiaCsv {
  readonly cards: readonly Card[];
  /** Lines that are no card: what the tool says besides. */
  readonly other: readonly string[];
}

/**
 * Reads what `nvidia-smi --query-gpu=FIELDS --format=csv,noheader,nounits` prints, memory in MiB. Source: nvidia-smi(1).
 *
 * @example
 * readNvidiaCsv('0, GPU-1a, NVIDIA H200, 143771, 4, 143767, 580.65.06, 9.0, Disabled\n').cards[0]?.name // 'NVIDIA H200'
 */
export function readNvidiaCsv(text: string, fields: readonly string[] = ALL_FIELDS): NvidiaCsv {
  const lines = text.split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const read = lines.map((line) => ({ line, card: cardOf(line, fields) }));
  return {
    cards: read.flatMap(({ card }) => card ?? []),
    other: read.flatMap(({ line, card }) => (card === undefined ? [line] : [])),
  };
}

function cardOf(line: string, fields: readonly string[]): Card | undefined {
  const parts = line.split(',').map((part) => part.trim());
  const extra = parts.length - fields.length;
  if (extra < 0 || !/^\d+$/.test(parts[0] ?? '')) return undefined;
  const name = parts.slice(BEFORE_NAME, BEFORE_NAME + extra + 1).join(', ');
  const values = [...parts.slice(0, BEFORE_NAME), name, ...parts.slice(BEFORE_NAME + extra + 1)];
  const textOf = (field: string): string | null => {
    const value = values[fields.indexOf(field)] ?? '';
    return value === '' || NO_VALUE.test(value) ? null : value;
  };
  const bytesOf = (field: string): number | null => {
    const value = textOf(field);
    return value !== null && /^\d+$/.test(value) ? Number(value) * MIB : null;
  };
  const [totalBytes, usedBytes] = [bytesOf('memory.total'), bytesOf('memory.used')];
  const difference = totalBytes === null || usedBytes === null ? null : Math.max(0, totalBytes - usedBytes);
  return {
    id: Number(parts[0]),
    uuid: textOf('uuid') ?? '',
    name: textOf('name') ?? 'NVIDIA GPU',
    ...{ totalBytes, usedBytes, freeBytes: bytesOf('memory.free') ?? difference },
    driver: textOf('driver_version'),
    computeCapability: textOf('compute_cap'),
    isDivided: textOf('mig.mode.current') === 'Enabled',
    fault: values.find((value) => NO_VALUE.test(value) && BROKEN.test(value))?.replace(/^\[|\]$/g, '') ?? null,
  };
}
