import { LANGUAGES, type Language } from '@qwen-edit/contract';
import { SEED } from '../../packages/demo-model/measure/editors.ts';
import { exactEdit, type Kind, type Picture } from '../../packages/demo-model/measure/exact-edits.ts';
import { decodePicture, encodePicture, mean, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import { type GoldenPrompts, nextOf } from '../../packages/demo-model/measure/quality.ts';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import type { LoadedModel } from '../../packages/pipeline/src/engine/model.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';

/** What equal pictures count as, in dB, so that a mean stays a number. */
const EQUAL = 100;

/** One whole edit of the demo model. */
interface MadeEdit {
  readonly picture: Picture;
  readonly latents: Float32Array;
  /** PSNR in dB against the exact edit: how well the task was done. */
  readonly exactDb: number;
}

/** The edits of one kind, in an order that is the same for every precision. */
export interface KindEdits {
  readonly kind: Kind;
  readonly edits: readonly MadeEdit[];
}

export interface EditsOptions {
  readonly prompts: GoldenPrompts;
  readonly photos: readonly Picture[];
  readonly kinds: readonly Kind[];
  readonly languages?: readonly Language[];
}

/** Has every photo edited by a prompt of each of the kinds in every language, and yields kind by kind. */
export async function* makeEdits(model: LoadedModel, options: EditsOptions): AsyncGenerator<KindEdits> {
  const { prompts, photos, kinds, languages = LANGUAGES } = options;
  for (const kind of kinds) {
    const edits: MadeEdit[] = [];
    for (const language of languages) {
      for (const [i, photo] of photos.entries()) {
        const next = nextOf(photos, i);
        const images = await Promise.all((kind === 'blend' ? [photo, next] : [photo]).map(encodePicture));
        const { width, height } = photo;
        const parameters = { prompt: prompts[kind][language], width, height, seed: SEED };
        const { outputs, latents } = await runEdit(model, { images, parameters }, { returnLatents: true });
        const picture = await decodePicture(outputs[0]!.bytes);
        const exactDb = pixelPsnr(picture, exactEdit(kind, photo, next));
        edits.push({ picture, latents: latents!.data, exactDb });
      }
    }
    yield { kind, edits };
  }
}

/** What is said of some edits beside the same edits in fp32, in dB. */
export interface EditsRow {
  readonly exact: number;
  readonly exactInFp32: number;
  readonly picture: { readonly least: number; readonly mean: number };
  readonly latents: { readonly least: number; readonly mean: number };
}

/** Compares edits with those of fp32: with the exact edit, picture with picture, and latents with latents. */
export function compareEdits(edits: readonly MadeEdit[], fp32: readonly MadeEdit[]): EditsRow {
  const pairs = edits.map((edit, i) => [edit, fp32[i]!] as const);
  const pictures = pairs.map(([a, b]) => Math.min(EQUAL, pixelPsnr(a.picture, b.picture)));
  const latents = pairs.map(([a, b]) => Math.min(EQUAL, signalDecibels(a.latents, b.latents)));
  return {
    exact: mean(edits.map(({ exactDb }) => exactDb)),
    exactInFp32: mean(fp32.map(({ exactDb }) => exactDb)),
    picture: { least: Math.min(...pictures), mean: mean(pictures) },
    latents: { least: Math.min(...latents), mean: mean(latents) },
  };
}
