import { z } from 'zod';
import type { ModelCard } from './model-card.ts';

/**
 * How like two pictures of one size are. `min_block_psnr`: the PSNR, in dB, of the block in which they differ most, so that a change
 * of one place counts as much as one of the whole. `detail`: how much detail the first has, as a share of the second's.
 */
export const likenessSchema = z.object({ min_block_psnr: z.number(), detail: z.number() });
export type Likeness = Readonly<z.output<typeof likenessSchema>>;

/** A result that is nearly one of the request's pictures. `output` and `picture` count from 0. */
export const unchangedSchema = z.object({
  output: z.int().min(0),
  picture: z.int().min(0),
  ...likenessSchema.shape,
});
export type Unchanged = Readonly<z.output<typeof unchangedSchema>>;

const receiptSchema = z.object({ unchanged: z.array(unchangedSchema) });

/** The results of a receipt that are nearly a picture of the request; none for a receipt of a version that did not measure it. */
export function unchangedOf(receipt: unknown): readonly Unchanged[] {
  return receiptSchema.safeParse(receipt).data?.unchanged ?? [];
}

const UNCHANGED_WORDS = ' looks as it did before: ';

/** One sentence for each such result, and one about what the model knows, as far as its card tells. */
export function unchangedWarnings(unchanged: readonly Unchanged[], card: ModelCard | undefined): string[] {
  const known = knownEdits(card);
  return unchanged.map(
    ({ output, picture, min_block_psnr }) =>
      `Picture ${picture + 1}${UNCHANGED_WORDS}result ${output + 1} differs from it by no more than a picture loses on its way through the model (${min_block_psnr.toFixed(1)} dB where they differ most).${known === undefined ? '' : ` ${known}`}`,
  );
}

/** True for a warning that unchangedWarnings made, for readers who word it themselves. */
export const isUnchangedWarning = (warning: string): boolean => warning.includes(UNCHANGED_WORDS);

/** What a model knows without a LoRA, in one English sentence; undefined if its card does not tell. */
export function knownEdits(card: ModelCard | undefined): string | undefined {
  const edits = card?.edits.filter(({ lora }) => lora === undefined) ?? [];
  const [first] = edits;
  if (first === undefined) return undefined;
  const titles = edits.map(({ title }) => title.en.toLowerCase()).join(', ');
  return `It knows: ${titles}; ask for them in English or Chinese, as "${first.prompts.en[0]}" or "${first.prompts.zh[0]}".`;
}
