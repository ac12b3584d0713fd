import { z } from 'zod';

export const memorySchema = z.object({
  peak: z.number(),
  anonymous: z.number().optional(),
  file: z.number().optional(),
});
type Memory = z.output<typeof memorySchema>;

/** One measurement. */
export interface BenchRow {
  readonly what: string;
  /** Who measured it: our precision, or the other library and its numbers. */
  readonly by: string;
  readonly seconds: number;
  /** Floating-point operations that took this time. */
  readonly flops?: number;
  /** What the time means for the whole network, worked out. */
  readonly whole?: string;
  readonly memory?: Memory;
  /** Seconds that the other library took for the same in bf16. */
  readonly peerSeconds?: number | undefined;
}

const HEAD = [
  'what',
  'by',
  'time',
  'speed',
  'worked out',
  'memory at the peak (own + of files at the end)',
  'times as fast as torch in bf16',
];
const GIB = 2 ** 30;

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const gib = (bytes: number): string => (bytes / GIB).toFixed(2);

/** Three digits, so that no row claims more than was measured. */
export const formatSeconds = (value: number): string => `${Number(value.toPrecision(3))} s`;

export const tableHead: string = [line(HEAD), line(HEAD.map(() => '---'))].join('\n');

/** The row in Markdown. */
export function tableRow({ what, by, seconds, flops, whole = '', memory, peerSeconds }: BenchRow): string {
  return line([
    what,
    by,
    formatSeconds(seconds),
    flops === undefined ? '' : `${(flops / seconds / 1e9).toFixed(0)} GFLOPS`,
    whole,
    memory === undefined ? '' : memoryInWords(memory),
    peerSeconds === undefined ? '' : `${(peerSeconds / seconds).toFixed(2)}×`,
  ]);
}

/** The row of what could not be measured. */
export const tableGap = (what: string, by: string, why: string): string =>
  line([what, by, 'not measured', '', why, '', '']);

function memoryInWords({ peak, anonymous, file }: Memory): string {
  const parts = anonymous === undefined || file === undefined ? '' : ` (${gib(anonymous)} + ${gib(file)})`;
  return `${gib(peak)} GiB${parts}`;
}
