import { type DeviceName, type MemoryVerdict, PRECISION_NAMES, type PrecisionName } from '@qwen-edit/contract';
import { knownModelShape } from '../src/plan/known-models.ts';
import { plannedEdit } from '../src/plan/planned-edit.ts';
import { type CardSeconds, cardSeconds } from './card-seconds.ts';
import { KNOWN_CARDS, type KnownCard } from './cards.ts';

/**
 * node packages/pipeline/bench/card-figures.ts
 * Prints what an edit of Qwen-Image-Edit-2511 should take on known cards, by arithmetic: the tables of docs/gpu-figures.md, which a test
 * compares with what this prints.
 */
const MODEL = 'Qwen/Qwen-Image-Edit-2511';
const GIB = 2 ** 30;
/** What each kind of device is asked for. */
const PRECISIONS: Readonly<Record<DeviceName, readonly PrecisionName[]>> = {
  cpu: [],
  webgpu: ['fp32', 'fp16', 'w8', 'w4'],
  cuda: ['fp32', 'bf16', 'w8', 'w4'],
};
const WORDS: Readonly<Record<MemoryVerdict, string>> = {
  fits: 'fits',
  streams: 'streams',
  too_large: 'too large',
  unknown: '',
};

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
const digits = (value: number): string => `${Number(value.toPrecision(2))}`;
const tera = (rate: number | null | undefined): string => (typeof rate === 'number' ? `${rate / 1e12}` : '');

const cardTable = (): string =>
  table(
    [
      'card',
      'by',
      'memory, GiB',
      'GB/s',
      'matrix units, half / int8, T/s',
      'other units, fp32 / fp16, T/s',
      'link, GB/s',
      'source',
    ],
    KNOWN_CARDS.map(({ name, device, memory, bandwidth, matrix, plain, link, source }) => [
      ...[name, device, `${memory}`, `${bandwidth / 1e9}`],
      matrix === null ? '' : `${tera(matrix.half)} / ${tera(matrix.int8)}`,
      `${tera(plain.fp32)} / ${tera(plain.fp16)}`,
      ...[`${link / 1e9}`, source],
    ]),
  );

/** Edits at 1024² from one picture of that size. */
const editOf = (guidance: boolean, steps: number) =>
  plannedEdit({}, [{ width: 1024, height: 1024 }], {
    negativeBytes: guidance ? 1 : null,
    num_inference_steps: steps,
  });

function rowOf(card: KnownCard, precision: PrecisionName): readonly string[] {
  const shape = knownModelShape(MODEL);
  if (shape === undefined) return [];
  const of = (guidance: boolean, steps: number): CardSeconds =>
    cardSeconds(shape, editOf(guidance, steps), { card, precision });
  const [plain, guided] = [of(false, 40), of(true, 40)];
  const { products, attention, memory, transfers } = plain.parts;
  return [
    ...[card.name, precision, `${WORDS[guided.verdict]}, ${(guided.peak / GIB).toFixed(0)}`],
    ...[digits(plain.step), digits(guided.step), digits(guided.edit), digits(of(false, 4).edit)],
    [products, attention, memory, transfers].map((part) => part.toFixed(2)).join(' + '),
  ];
}

const secondsTable = (): string =>
  table(
    [
      ...['card', 'precision', 'memory, GiB', 's a step', 'with guidance', 'edit: 40 steps with guidance, s'],
      ...['edit: 4 steps without, s', 's a step: products + attention + memory + transfers'],
    ],
    KNOWN_CARDS.flatMap((card) =>
      PRECISION_NAMES.filter((name) => PRECISIONS[card.device].includes(name)).map((precision) =>
        rowOf(card, precision),
      ),
    ),
  );

/** The tables, in Markdown. */
export const cardFigures = (): string => `${secondsTable()}\n\n${cardTable()}\n`;

if (import.meta.main) console.log(cardFigures());
