import { LANGUAGES, type Language } from '@qwen-edit/contract';
import type { OnEditors } from './editors.ts';
import type { Kind, Picture } from './exact-edits.ts';
import { exactEdits, mean, nearestKind } from './pictures.ts';
import { editOnce } from './quality.ts';
import { readingPictures } from './reading-pictures.ts';

/** Enough to tell the edits apart, and the least that the scheduler takes. */
const STEPS = 2;

/** Phrases in both languages. */
export type Phrases = Readonly<Record<Language, readonly string[]>>;

export interface HeldOutPrompts {
  readonly kinds: Readonly<Record<Kind, Phrases>>;
  /** Wishes for what the model doesn't know: the picture is to stay as it is. */
  readonly unknown: Phrases;
  /** Written by hand rather than put together from parts. */
  readonly hand: Readonly<Record<Kind, Phrases>>;
}

/** Phrases of one list, and what was understood. */
export interface ReadingRow {
  readonly name: string;
  readonly language: Language;
  /** How many phrases were asked for. */
  readonly phrases: number;
  /** Understood, of 0 to 1. */
  readonly share: number;
  readonly mistakes: readonly { readonly phrase: string; readonly read?: Kind | undefined }[];
}

/** A measured row, with the phrases that were asked for. */
export interface MeasuredReadingRow extends ReadingRow {
  readonly asked: readonly string[];
}

export interface ReadingOptions {
  readonly onEditors: OnEditors;
  /** Phrases to take of each list, evenly spread. */
  readonly perList: number;
}

/** Measures by pictures, with the whole pipeline: a phrase is understood if the nearest exact edit is of its kind. */
export async function measureReading(
  { kinds, unknown }: Pick<HeldOutPrompts, 'kinds' | 'unknown'>,
  { onEditors, perList }: ReadingOptions,
): Promise<MeasuredReadingRow[]> {
  const rows = await measureLists(kinds, { onEditors, perList });
  const wishes = await measureLists({ same: unknown }, { onEditors, perList });
  return [...rows, ...wishes.map((row) => ({ ...row, name: 'unknown' }))];
}

/** measureReading for some kinds. */
export async function measureLists(
  lists: Readonly<Partial<Record<Kind, Phrases>>>,
  { onEditors, perList }: ReadingOptions,
): Promise<MeasuredReadingRow[]> {
  const [first, second] = readingPictures();
  const one = exactEdits([first]);
  const two = exactEdits([first, second]);
  const tasks = Object.entries(lists).flatMap(([name, phrases]) =>
    LANGUAGES.flatMap((language) => spread(phrases[language], perList).map((phrase) => ({ name, language, phrase }))),
  );
  const read = await onEditors(tasks, async (editor, task) => {
    const inputs: readonly Picture[] = task.name === 'blend' ? [first, second] : [first];
    const result = await editOnce(editor, inputs, task.phrase, { num_inference_steps: STEPS });
    return { ...task, read: nearestKind(result, task.name === 'blend' ? two : one) };
  });
  return Object.keys(lists).flatMap((name) =>
    LANGUAGES.map((language) => {
      const asked = read.filter((each) => each.name === name && each.language === language);
      const mistakes = asked.filter((each) => each.read !== name).map(({ phrase, read }) => ({ phrase, read }));
      return {
        name,
        language,
        phrases: asked.length,
        share: 1 - mistakes.length / asked.length,
        mistakes,
        asked: asked.map(({ phrase }) => phrase),
      };
    }),
  );
}

/** Share understood of all phrases; lists count equally. */
export function overall(rows: readonly ReadingRow[]): number {
  return mean(rows.map(({ share }) => share));
}

/** `count` items from the first to the last, at even distances; all where there are no more. */
export function spread<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}
