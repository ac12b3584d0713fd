import { LIMITS } from './edit-parameters.ts';
import { AppError } from './errors.ts';
import { fieldError } from './field-errors.ts';
import { limitSide, roundedDimensions, roundHalfEven, type Size } from './picture-size.ts';

/** The sides of the result that a request asks for. */
export interface AskedSize {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** What the size of a result depends on besides the request's sides. */
export interface ResultSizeRules {
  /** `max_side` of the request. */
  readonly maxSide: number;
  /** Pixels of a result whose size is not asked for: `output_image_size` of the model. */
  readonly area: number;
  /** `size_multiple` of the model. */
  readonly multiple: number;
}

/**
 * Size of the result. Without a wish it has the model's area at the shape of `picture`, the last of the request. Sides that are
 * asked for are floored to multiples; if only one is, the other follows the picture's shape, to the nearest multiple. diffusers takes
 * the other side from the size without a wish, which stretches the picture.
 *
 * @example
 * resultSize({ width: 300 }, { width: 256, height: 256 }, { maxSide: 768, area: 65_536, multiple: 8 }) // 296 × 296
 */
export function resultSize({ width, height }: AskedSize, picture: Size, rules: ResultSizeRules): Size {
  const floor = (side: number): number => Math.floor(side / rules.multiple) * rules.multiple;
  const near = (side: number): number => Math.max(1, roundHalfEven(side / rules.multiple)) * rules.multiple;
  const ratio = picture.width / picture.height;
  if (width !== undefined && height !== undefined) return { width: floor(width), height: floor(height) };
  if (width !== undefined) return { width: floor(width), height: near(floor(width) / ratio) };
  if (height !== undefined) return { width: near(floor(height) * ratio), height: floor(height) };
  const whole = roundedDimensions(rules.area, limitSide(picture, rules.maxSide));
  return { width: floor(whole.width), height: floor(whole.height) };
}

/**
 * The same for a request that is to be done. Throws `invalid_parameter` for a side below the model's multiple and for one that
 * makes the other side too long, `image_ratio` for a picture too narrow for the model's area.
 */
export function requireResultSize(asked: AskedSize, picture: Size, rules: ResultSizeRules): Size {
  const size = resultSize(asked, picture, rules);
  for (const [name, other] of [
    ['width', 'height'],
    ['height', 'width'],
  ] as const) {
    const side = asked[name];
    if (side === undefined) continue;
    if (size[name] === 0)
      throw fieldError(name, {
        code: 'too_small',
        rule: `must be at least ${rules.multiple} with this model, not ${side}`,
        parameters: { min: rules.multiple },
      });
    if (asked[other] === undefined && size[other] > LIMITS.side)
      throw fieldError(name, {
        code: 'invalid',
        rule: `of ${side} gives the result a ${other} of ${size[other]} at the shape of the picture; it must be at most ${LIMITS.side}. Give a smaller ${name}, or both sides.`,
      });
  }
  if (size.width === 0 || size.height === 0)
    throw new AppError(
      'image_ratio',
      `A picture of ${picture.width} × ${picture.height} is too narrow: at ${rules.area} pixels a side would round to 0.`,
    );
  return size;
}

/** Shapes that differ by no more than this look alike. */
const SAME_SHAPE = 0.02;

/** How much wider one shape is than the other, as a share: 0.05 for 105 × 100 beside 100 × 100, and for the reverse. */
function shapeDifference(a: Size, b: Size): number {
  const quotient = (a.width * b.height) / (a.height * b.width);
  return Math.max(quotient, 1 / quotient) - 1;
}

/** One sentence for a result whose shape differs from that of its picture by more than 2 %, none for any other. */
export function shapeWarning(result: Size, picture: Size): readonly string[] {
  const difference = shapeDifference(result, picture);
  if (difference < SAME_SHAPE + 1e-9) return [];
  return [
    `The shape of the result, ${result.width} × ${result.height}, differs by ${(100 * difference).toFixed(1)} % from that of the picture, ${picture.width} × ${picture.height}. Give width or height alone to keep the picture's shape as far as the model's sizes allow.`,
  ];
}
