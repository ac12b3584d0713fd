import { fieldError } from './field-errors.ts';
import { sidesOfSize } from './parameter-kinds.ts';
import type { ReferenceSize } from './presets.ts';

/** What a request says about sizes. docs/sizes.md has the table, and what comes before what. */
export interface SizeParameters {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** `auto` or `WxH`. */
  readonly size?: string | undefined;
  readonly output_area?: number | undefined;
  readonly reference_size?: ReferenceSize | undefined;
  readonly max_side?: number | undefined;
  readonly preset?: string | undefined;
}

/** The sides of the result that a request asks for. */
export interface AskedSize {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** The sides that a request asks for, by `size` or by `width` and `height`. */
export function askedSides({ width, height, size }: SizeParameters): AskedSize {
  const sides = size === undefined ? undefined : sidesOfSize(size);
  return sides ?? { width, height };
}

/**
 * Refuses parameters that say different things about the size of the result. Throws AppError `invalid_parameter`.
 *
 * @example
 * refuseSizeConflicts({ size: '512x384', width: 512 }); // nothing: they agree
 * refuseSizeConflicts({ size: '512x384', width: 640 }); // throws: size and width say different things
 */
export function refuseSizeConflicts(said: SizeParameters): void {
  const sides = said.size === undefined ? undefined : sidesOfSize(said.size);
  for (const side of ['width', 'height'] as const) {
    if (sides === undefined || said[side] === undefined || said[side] === sides[side]) continue;
    throw conflict('size', side, `and ${side} say different things`);
  }
  if (said.output_area === undefined) return;
  const other = sides === undefined ? (['width', 'height'] as const).find((side) => said[side] !== undefined) : 'size';
  if (other !== undefined)
    throw conflict(
      'output_area',
      other,
      `is for results whose sides are not given, and ${other} gives them; leave one out`,
    );
}

const conflict = (path: string, other: string, rule: string) =>
  fieldError(path, { code: 'conflict', rule, parameters: { other } });
