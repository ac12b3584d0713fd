import type { ModelShape, Size } from '@qwen-edit/contract';
import { calculateDimensions, smartResize } from '../image/dimensions.ts';
import { PATCH } from '../sampling/latents.ts';
import { DROPPED_TOKENS } from '../text/template.ts';

/** What an edit is to do, in the sizes that the networks see. */
export interface PlannedEdit {
  readonly size: Size;
  /** Each reference as the VAE sees it. */
  readonly references: readonly Size[];
  /** Pixels of a reference for the text encoder: `condition_image_size` of the model. */
  readonly conditionArea: number;
  readonly steps: number;
  /** True if each step takes a second pass, for the negative prompt. */
  readonly guidance: boolean;
  readonly numImages: number;
  /** Bytes of the matrices that LoRAs add, if there are some. */
  readonly loraBytes?: number | undefined;
  /** Tokens of the prompt and of the negative prompt, without the template's and the pictures'. */
  readonly promptTokens: number;
  readonly negativeTokens: number;
}

/** Lengths of what goes through the networks, in tokens. */
export interface Sequence {
  readonly target: number;
  /** Of all references together. */
  readonly references: number;
  /** Patches of each picture in the vision tower. */
  readonly patches: readonly number[];
  /** What the language model reads, for each prompt; the negative one only with guidance. */
  readonly read: readonly number[];
  /** What the transformer sees of each of them. */
  readonly text: readonly number[];
}

/** Tokens that the template puts around each picture, and behind the prompt. */
const TOKENS_AROUND_PICTURE = 7;
const TOKENS_AFTER = 5;
/** Of UTF-8: English words have 4 letters a token, Chinese characters of 3 bytes have 1 to 2. */
const BYTES_A_TOKEN = 4;

/** About how many tokens a text of so many bytes takes. */
export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / BYTES_A_TOKEN);
}

/** The lengths of an edit. Throws AppError `image_ratio` for a reference that is too narrow for the text encoder. */
export function sequenceOf(shape: ModelShape, edit: PlannedEdit): Sequence {
  const pixelsAToken = (shape.vae.factor * PATCH) ** 2;
  const tokens = ({ width, height }: Size): number => Math.ceil((width * height) / pixelsAToken);
  const { patch_size, merge_size, min_pixels, max_pixels } = shape.vision;
  const patches = edit.references.map((reference) => {
    const seen = calculateDimensions(edit.conditionArea, reference);
    const { width, height } = smartResize(seen, patch_size * merge_size, min_pixels, max_pixels);
    return (width / patch_size) * (height / patch_size);
  });
  const ofPictures = sum(patches.map((count) => count / merge_size ** 2 + TOKENS_AROUND_PICTURE));
  const prompts = edit.guidance ? [edit.promptTokens, edit.negativeTokens] : [edit.promptTokens];
  const text = prompts.map((count) => ofPictures + count + TOKENS_AFTER);
  return {
    target: tokens(edit.size),
    references: sum(edit.references.map(tokens)),
    patches,
    read: text.map((count) => DROPPED_TOKENS + count),
    text,
  };
}

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
