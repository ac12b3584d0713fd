import { LANGUAGES, type Language } from '@qwen-edit/contract';
import type { DemoEditor, MeasureSettings, OnEditors } from './editors.ts';
import { SEED } from './editors.ts';
import { exactEdit, KINDS, type Kind, type LoraKind, type Picture } from './exact-edits.ts';
import { decodePicture, encodePicture, mean, pixelPsnr } from './pictures.ts';

/** One prompt for each kind and language. */
export type GoldenPrompts = Readonly<Record<Kind, Readonly<Record<Language, string>>>>;

/** PSNR in dB against the exact edit, for each photo. */
export interface QualityRow {
  readonly kind: Kind;
  readonly en: readonly number[];
  readonly zh: readonly number[];
}

export interface QualityOptions {
  readonly onEditors: OnEditors;
  readonly photos: readonly Picture[];
  readonly prompts: GoldenPrompts;
  readonly kinds?: readonly Kind[];
  readonly languages?: readonly Language[];
  readonly settings?: MeasureSettings;
}

/** Has every photo edited by every prompt, and compares. `blend` takes each photo with the one after it. */
export async function measureQuality(options: QualityOptions): Promise<QualityRow[]> {
  const { onEditors, photos, prompts, kinds = KINDS, languages = LANGUAGES, settings = {} } = options;
  const tasks = kinds.flatMap((kind) =>
    languages.flatMap((language) => photos.map((photo, i) => ({ kind, language, photo, next: nextOf(photos, i) }))),
  );
  const results = await onEditors(tasks, async (editor, { kind, language, photo, next }) => {
    const db = await measureEdit(editor, { kind, prompt: prompts[kind][language], photo, next, settings });
    return { kind, language, db };
  });
  const of = (kind: Kind, language: Language): number[] =>
    results.filter((each) => each.kind === kind && each.language === language).map(({ db }) => db);
  return kinds.map((kind) => ({ kind, en: of(kind, 'en'), zh: of(kind, 'zh') }));
}

/** One edit of a photo by a prompt for a kind. */
export interface MeasuredEdit {
  readonly kind: Kind | LoraKind;
  readonly prompt: string;
  readonly photo: Picture;
  /** The second picture of `blend`; other kinds leave it alone. */
  readonly next: Picture;
  readonly settings?: MeasureSettings;
}

/** PSNR in dB of one edit against the exact edit of its kind. */
export async function measureEdit(editor: DemoEditor, edit: MeasuredEdit): Promise<number> {
  const { kind, prompt, photo, next, settings = {} } = edit;
  const inputs = kind === 'blend' ? [photo, next] : [photo];
  return pixelPsnr(await editOnce(editor, inputs, prompt, settings), exactEdit(kind, photo, next));
}

/** The picture that `blend` takes beside photo `i`. */
export function nextOf(photos: readonly Picture[], i: number): Picture {
  return photos[(i + 1) % photos.length]!;
}

/** PSNR in dB of each prompt's result against the photo itself; prompts take turns with the photos. */
export async function measureLeftAlone(
  options: Pick<QualityOptions, 'onEditors' | 'photos'> & { readonly wishes: readonly string[] },
): Promise<{ wish: string; db: number }[]> {
  const { onEditors, photos, wishes } = options;
  const tasks = wishes.map((wish, i) => ({ wish, photo: photos[i % photos.length]! }));
  return onEditors(tasks, async (editor, { wish, photo }) => ({
    wish,
    db: pixelPsnr(await editOnce(editor, [photo], wish), photo),
  }));
}

/** The edit of some pictures; the result is as large as the last of them. */
export async function editOnce(
  editor: DemoEditor,
  pictures: readonly Picture[],
  prompt: string,
  settings: MeasureSettings = {},
): Promise<Picture> {
  const images = await Promise.all(pictures.map(encodePicture));
  const { width, height } = pictures.at(-1)!;
  const { outputs } = await editor.edit({ images, parameters: { width, height, ...settings, prompt, seed: SEED } });
  return decodePicture(outputs[0]!.bytes);
}

export function meanOfRow({ en, zh }: QualityRow): number {
  return mean([...en, ...zh]);
}

export function meanOfRows(rows: readonly QualityRow[]): number {
  return mean(rows.map(meanOfRow));
}
