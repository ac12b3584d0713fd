import type { FloatArray, Planes } from '../arrays.ts';
import type { LoadedModel } from '../engine/model.ts';
import { precisionKey } from '../engine/precision.ts';
import { tilesMore } from '../engine/vae-tiling.ts';
import type { PatchGrid } from '../image/preprocess.ts';
import type { PromptTokens } from '../text/prompt.ts';
import type { EncodingCache } from './encoding-cache.ts';
import { createEncodingKeys } from './keys.ts';

/** A cache, and whose encodings are looked for in it: nobody else finds them. */
export interface ScopedCache {
  readonly cache: EncodingCache;
  readonly scope: string;
}

/** The networks that encode. What a cache has of their work is taken from there, and a network that has no work is not touched. */
export interface Encoders {
  /**
   * prompt_embeds [L, E] of each prompt with the same pictures. `onImage` is called once a picture, with its embeddings if a prompt
   * needed them; `onPrompt` once a prompt.
   */
  encodePrompts(
    prompts: readonly PromptTokens[],
    grids: readonly PatchGrid[],
    on: { readonly onImage: (embeds: FloatArray | undefined) => void; readonly onPrompt: () => void },
  ): Promise<readonly FloatArray[]>;
  /** As Vae.encode. */
  encodePicture(pixels: Planes): Promise<Planes>;
}

/** `versions`: of the programs that compute. Without `kept` everything is computed. */
export function createEncoders(
  model: Pick<LoadedModel, 'folder' | 'precision' | 'device' | 'textEncoder' | 'vae' | 'pause'>,
  versions: Readonly<Record<string, string>>,
  kept: ScopedCache | undefined,
): Encoders {
  const { folder, precision, device } = model;
  const networks = [
    folder.digest,
    precisionKey(precision),
    `${device.name} ${device.kernels}`,
    JSON.stringify(versions),
  ];
  const keys = kept === undefined ? undefined : createEncodingKeys(networks, kept.scope);

  const find = async (key: string | undefined): Promise<FloatArray | undefined> => {
    if (kept === undefined || key === undefined) return undefined;
    await model.pause();
    return kept.cache.get(key);
  };
  const keep = async (key: string | undefined, value: FloatArray): Promise<FloatArray> => {
    // What went wrong once is not kept for the next edit.
    if (key !== undefined && value.data.every(Number.isFinite)) await kept?.cache.put(key, value);
    return value;
  };
  const encodeImage = async (grid: PatchGrid, key: string | undefined): Promise<FloatArray> =>
    (await find(key)) ?? keep(key, await model.textEncoder.encodeImage(grid));

  return {
    async encodePrompts(prompts, grids, on) {
      const imageKeys = keys === undefined ? [] : grids.map(keys.image);
      const promptKeys = prompts.map((tokens) => keys?.prompt(tokens, imageKeys));
      const found: (FloatArray | undefined)[] = [];
      for (const key of promptKeys) found.push(await find(key));

      const needed = found.includes(undefined);
      const images: FloatArray[] = [];
      for (const [i, grid] of grids.entries()) {
        if (needed) images.push(await encodeImage(grid, imageKeys[i]));
        on.onImage(images[i]);
      }
      const embeds: FloatArray[] = [];
      for (const [i, tokens] of prompts.entries()) {
        embeds.push(
          found[i] ?? (await keep(promptKeys[i], await model.textEncoder.encodePrompt(tokens, images, grids))),
        );
        on.onPrompt();
      }
      return embeds;
    },
    async encodePicture(pixels) {
      const key = keys?.reference(pixels, tilesMore(pixels, model.vae.untiledArea) ? 'tiled' : undefined);
      const found = await find(key);
      if (found !== undefined) return planesOf(found);
      const { data, channels, height, width } = await model.vae.encode(pixels);
      return planesOf(await keep(key, { data, dims: [channels, height, width] }));
    },
  };
}

/** [C, h, w] as planes. */
function planesOf({ data, dims: [channels = 0, height = 0, width = 0] }: FloatArray): Planes {
  return { data, channels, height, width };
}
