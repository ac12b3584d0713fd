import { LIMITS } from './edit-parameters.ts';
import { AppError } from './errors.ts';
import { fieldError } from './field-errors.ts';
import type { ModelFacts } from './model-facts.ts';
import { GUIDE_DEFAULTS } from './parameters.ts';
import { DIFFUSERS_AREAS, limitSide, roundedDimensions, roundHalfEven, type Size } from './picture-size.ts';
import { type OfferedPreset, presetNamed, type ReferenceSize } from './presets.ts';
import { type AskedSize, askedSides, type SizeParameters } from './size-parameters.ts';

/** What the size of a result depends on besides the request's sides. */
export interface ResultSizeRules {
  /** `max_side` of the request. */
  readonly maxSide: number;
  /** Pixels of a result whose size is not asked for: `output_area` of the request, else `output_image_size` of the model. */
  readonly area: number;
  /** `size_multiple` of the model. */
  readonly multiple: number;
}

/** What a model says of sizes. What is left out or null is as in diffusers, and its `multiple` 1. */
export type SizeFacts = {
  readonly [N in 'output_image_size' | 'vae_image_size' | 'reference_size' | 'size_multiple']?:
    | ModelFacts[N]
    | null
    | undefined;
} & { readonly presets?: readonly OfferedPreset[] | null | undefined };

/** A reference as the VAE sees it. */
export interface ReferenceTarget extends Size {
  /** True if it is first cut to the result's shape around the middle; else its own shape is kept, as near as sizes allow. */
  readonly cut: boolean;
}

/** Every size of an edit. */
export interface EditSizes {
  readonly result: Size;
  /** One for each picture, in order. */
  readonly references: readonly ReferenceTarget[];
  /** What decided the references: of the request, else of its preset, else `model`. */
  readonly reference_size: ReferenceSize;
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
 * The sizes that references have for the VAE. `area`: each has the model's pixels at its own shape, after `max_side`, as in
 * diffusers. `output`: each has the result's size.
 */
export function referenceSizes(
  pictures: readonly Size[],
  result: Size,
  rules: { readonly kind: ModelFacts['reference_size']; readonly area: number; readonly maxSide: number },
): ReferenceTarget[] {
  return pictures.map((picture) =>
    rules.kind === 'output'
      ? { ...result, cut: true }
      : { ...roundedDimensions(rules.area, limitSide(picture, rules.maxSide)), cut: false },
  );
}

/** What holds for an edit before its pictures are known: the request, then its preset, then the model, then diffusers and the guide. */
function rulesOf(said: SizeParameters, model: SizeFacts) {
  const referenceArea = model.vae_image_size ?? DIFFUSERS_AREAS.vae_image_size;
  const ownArea = model.output_image_size ?? referenceArea;
  const preset = presetNamed(said.preset, model.presets ?? undefined);
  return {
    maxSide: said.max_side ?? GUIDE_DEFAULTS.max_side,
    area: said.output_area ?? Math.min(preset?.output_area ?? ownArea, ownArea),
    multiple: model.size_multiple ?? 1,
    referenceArea,
    preset,
  };
}

const SQUARE: Size = { width: 1, height: 1 };

/**
 * Every size of an edit, by the one table of docs/sizes.md. Without pictures the result is a square. It refuses nothing: sides may
 * be 0 or too long.
 *
 * @example
 * editSizes({ preset: 'draft' }, [{ width: 3000, height: 2000 }], {}).result // 640 × 416
 */
export function editSizes(said: SizeParameters, pictures: readonly Size[], model: SizeFacts): EditSizes {
  const { preset, referenceArea, ...rules } = rulesOf(said, model);
  const result = resultSize(askedSides(said), pictures.at(-1) ?? SQUARE, rules);
  // A preset never enlarges: beside a result that is larger than the model's references, these keep the model's size.
  const fromPreset = result.width * result.height <= referenceArea ? preset?.reference_size : undefined;
  const reference_size = said.reference_size ?? fromPreset ?? GUIDE_DEFAULTS.reference_size;
  const kind = reference_size === 'output' ? 'output' : (model.reference_size ?? 'area');
  const { maxSide } = rules;
  return {
    result,
    reference_size,
    references: referenceSizes(pictures, result, { kind, area: referenceArea, maxSide }),
  };
}

/**
 * The same for a request that is to be done. Throws `invalid_parameter` for a side below the model's multiple, for one or an area
 * that makes a side too long, and for more pixels than LIMITS.pixelsTogether; `image_ratio` for a picture too narrow for its area.
 */
export function requireEditSizes(said: SizeParameters, pictures: readonly Size[], model: SizeFacts): EditSizes {
  const sizes = editSizes(said, pictures, model);
  const picture = pictures.at(-1) ?? SQUARE;
  const rules = rulesOf(said, model);
  refuseSides(said, sizes.result, rules.multiple);
  if (sizes.result.width === 0 || sizes.result.height === 0)
    throw new AppError(
      'image_ratio',
      `A picture of ${picture.width} × ${picture.height} is too narrow: at ${rules.area} pixels a side would round to 0.`,
    );
  refuseTogether(sizes);
  return sizes;
}

function refuseSides(said: SizeParameters, result: Size, multiple: number): void {
  const asked = askedSides(said);
  const sides = ['width', 'height'] as const;
  for (const name of sides) {
    const side = asked[name];
    const [path, what] = said[name] === undefined ? ['size', `a ${name} of at least`] : [name, 'at least'];
    if (side !== undefined && result[name] === 0)
      throw fieldError(path, {
        code: 'too_small',
        rule: `must ${path === name ? 'be' : 'have'} ${what} ${multiple} with this model, not ${side}`,
        parameters: { min: multiple },
      });
  }
  const given = sides.filter((name) => asked[name] !== undefined);
  const tooLong = sides.find((name) => result[name] > LIMITS.side);
  const [side] = given;
  if (tooLong === undefined || given.length === 2) return;
  const gives = `the result a ${tooLong} of ${result[tooLong]} at the shape of the picture; it must be at most ${LIMITS.side}`;
  if (side !== undefined)
    throw fieldError(side, {
      code: 'invalid',
      rule: `of ${asked[side]} gives ${gives}. Give a smaller ${side}, or both sides.`,
    });
  // Without a wish the size is diffusers', however long.
  if (said.output_area !== undefined)
    throw fieldError('output_area', {
      code: 'invalid',
      rule: `of ${said.output_area} gives ${gives}. Give a smaller area, or both sides.`,
    });
}

function refuseTogether({ result, references, reference_size }: EditSizes): void {
  const pixels = [result, ...references].reduce((sum, { width, height }) => sum + width * height, 0);
  if (pixels <= LIMITS.pixelsTogether) return;
  const some = references.length === 1 ? 'its reference' : `its ${references.length} references`;
  const less = reference_size === 'output' ? ', or leave reference_size to the model' : '';
  throw fieldError(reference_size === 'output' ? 'reference_size' : 'images', {
    code: 'invalid',
    rule: `with a result of ${result.width} × ${result.height} and ${some} make ${pixels} pixels; together they may have ${LIMITS.pixelsTogether}. Ask for a smaller result or give fewer pictures${less}.`,
  });
}
