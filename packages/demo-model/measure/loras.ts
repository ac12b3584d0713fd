import { LANGUAGES, type Language } from '@qwen-edit/contract';
import type { MeasureSettings, OnEditors } from './editors.ts';
import { exactEdit, KINDS, type Kind, type LoraKind, type Picture } from './exact-edits.ts';
import { exactEdits, mean, pixelPsnr } from './pictures.ts';
import { editOnce, type GoldenPrompts, meanOfRow, meanOfRows, measureQuality } from './quality.ts';
import { type Phrases, spread } from './reading.ts';
import { readingPictures } from './reading-pictures.ts';

/** Steps of the reading of phrases, as of measureReading. */
const READING_STEPS = 2;

/** What the edit of a LoRA is asked for with. */
export interface LoraPrompts {
  /** One for each language, which quality is measured with. */
  readonly golden: Readonly<Record<Language, string>>;
  /** Sentences that no training saw. */
  readonly held: Phrases;
  /** Written by hand rather than put together from parts. */
  readonly hand: Phrases;
}

export interface LoraOptions {
  readonly onEditors: OnEditors;
  readonly kind: LoraKind;
  readonly prompts: LoraPrompts;
}

/** PSNR in dB against the exact edit, for each photo; `off` is the same without the LoRA. */
export interface LoraQuality {
  readonly en: readonly number[];
  readonly zh: readonly number[];
  readonly off: readonly number[];
}

/** Has every photo edited by a prompt in each language with the LoRA, and by the English one without it. */
export async function measureLoraQuality(
  { onEditors, kind, prompts }: LoraOptions,
  photos: readonly Picture[],
): Promise<LoraQuality> {
  const on: MeasureSettings = { lora: [{ name: kind, scale: 1 }] };
  const tasks = [
    ...LANGUAGES.map((language) => ({ list: language, prompt: prompts.golden[language], settings: on })),
    { list: 'off' as const, prompt: prompts.golden.en, settings: {} },
  ].flatMap((task) => photos.map((photo) => ({ ...task, photo })));
  const measured = await onEditors(tasks, async (editor, { list, prompt, settings, photo }) => ({
    list,
    db: pixelPsnr(await editOnce(editor, [photo], prompt, settings), exactEdit(kind, photo)),
  }));
  const of = (list: Language | 'off'): number[] => measured.filter((each) => each.list === list).map(({ db }) => db);
  return { en: of('en'), zh: of('zh'), off: of('off') };
}

/** How a list of phrases is read while the LoRA is on. */
export interface LoraReadingRow {
  readonly name: string;
  readonly language: Language;
  readonly phrases: number;
  /** Of 0 to 1: read as what the list is. */
  readonly share: number;
  readonly mistakes: readonly { readonly phrase: string; readonly read: string | undefined }[];
}

/**
 * Reads phrases while the LoRA is on, as measureReading does: those for its edit should give it, and so should wishes that the model does
 * not know, since they are all one to its text encoder.
 */
export async function measureLoraReading(
  { onEditors, kind, prompts }: LoraOptions,
  unknown: Phrases,
  perList: number,
): Promise<LoraReadingRow[]> {
  const [picture] = readingPictures();
  const exact: [Kind | LoraKind, Picture][] = [...exactEdits([picture]), [kind, exactEdit(kind, picture)]];
  const lists = [
    { name: 'held', wanted: kind, phrases: prompts.held },
    { name: 'hand', wanted: kind, phrases: prompts.hand },
    { name: 'unknown', wanted: kind, phrases: unknown },
  ] as const;
  const tasks = lists.flatMap(({ phrases, ...list }) =>
    LANGUAGES.flatMap((language) =>
      spread(phrases[language], perList).map((phrase) => ({ ...list, language, phrase })),
    ),
  );
  const settings = { num_inference_steps: READING_STEPS, lora: [{ name: kind, scale: 1 }] };
  const read = await onEditors(tasks, async (editor, task) => {
    const result = await editOnce(editor, [picture], task.phrase, settings);
    const ranked = exact.map(([name, edited]) => ({ name, db: pixelPsnr(result, edited) })).sort((a, b) => b.db - a.db);
    return { ...task, read: ranked[0]?.name };
  });
  return lists.flatMap(({ name }) =>
    LANGUAGES.map((language) => {
      const asked = read.filter((each) => each.name === name && each.language === language);
      const mistakes = asked.filter((each) => each.read !== each.wanted).map(({ phrase, read }) => ({ phrase, read }));
      return { name, language, phrases: asked.length, share: 1 - mistakes.length / asked.length, mistakes };
    }),
  );
}

/** Mean PSNR in dB of each kind that the model knows by itself, with some settings, in English. */
export async function measureKinds(
  onEditors: OnEditors,
  photos: readonly Picture[],
  prompts: GoldenPrompts,
  settings: MeasureSettings,
): Promise<{ kinds: Record<string, number>; mean: number }> {
  const rows = await measureQuality({ onEditors, photos, prompts, kinds: KINDS, languages: ['en'], settings });
  const kinds = Object.fromEntries(rows.map((row) => [row.kind, meanOfRow(row)]));
  return { kinds, mean: meanOfRows(rows) };
}

/** Mean of both languages. */
export function meanOfLora({ en, zh }: LoraQuality): number {
  return mean([...en, ...zh]);
}
