import type { Likeness } from '@qwen-edit/contract';
import type { OnEditors } from './editors.ts';
import { KINDS, type Kind, type Picture } from './exact-edits.ts';
import { editOnce, type GoldenPrompts, nextOf } from './quality.ts';

/** How like results are to their photos, at one size. */
export interface LikenessRow {
  readonly side: number;
  /** Of each kind, for each photo; of `blend` the photo that is nearer. */
  readonly kinds: readonly { readonly kind: Kind; readonly photos: readonly Likeness[] }[];
  /** Of wishes that the model does not know; they take turns with the photos. */
  readonly wishes: readonly ({ readonly wish: string } & Likeness)[];
}

export interface LikenessOptions {
  readonly onEditors: OnEditors;
  readonly side: number;
  readonly photos: readonly Picture[];
  readonly prompts: GoldenPrompts;
  readonly wishes: readonly string[];
  /** The measure of the pipeline, for pictures of one size. */
  readonly likenessOf: (a: Picture, b: Picture) => Likeness;
}

/** Measures what tells a result that is nearly its photo from one that was edited. Kinds are asked for in English. */
export async function measureLikeness(options: LikenessOptions): Promise<LikenessRow> {
  const { onEditors, side, photos, prompts, wishes, likenessOf } = options;
  const tasks = [
    ...KINDS.flatMap((kind) => photos.map((_, i) => ({ kind, prompt: prompts[kind].en, i }))),
    ...wishes.map((prompt, n) => ({ kind: undefined, prompt, i: n % photos.length })),
  ];
  const measured = await onEditors(tasks, async (editor, { kind, prompt, i }) => {
    const inputs = kind === 'blend' ? [photos[i]!, nextOf(photos, i)] : [photos[i]!];
    const result = await editOnce(editor, inputs, prompt);
    const all = inputs.map((photo) => likenessOf(result, photo));
    const [nearest] = all.sort((a, b) => b.min_block_psnr - a.min_block_psnr);
    return { kind, wish: prompt, likeness: nearest! };
  });
  return {
    side,
    kinds: KINDS.map((kind) => ({
      kind,
      photos: measured.filter((each) => each.kind === kind).map(({ likeness }) => likeness),
    })),
    wishes: measured.filter((each) => each.kind === undefined).map(({ wish, likeness }) => ({ wish, ...likeness })),
  };
}
