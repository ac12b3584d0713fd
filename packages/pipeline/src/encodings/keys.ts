import { createHash } from 'node:crypto';
import type { Planes } from '../arrays.ts';
import type { PatchGrid } from '../image/preprocess.ts';
import type { PromptTokens } from '../text/prompt.ts';

/** Another one whenever the same inputs would give other encodings, or lie otherwise. */
const VERSION = 'encodings 1';

/**
 * Names of what networks make of their inputs: hashes of all that decides it, 64 hexadecimal digits. They are taken from what the
 * networks see, not from files and words, so that another way to decode or to resize a picture finds nothing that is stale.
 */
export interface EncodingKeys {
  /** What the vision tower makes of a picture. */
  image(grid: PatchGrid): string;
  /** What the language model makes of a prompt. `images`: the keys of its pictures. */
  prompt(tokens: PromptTokens, images: readonly string[]): string;
  /** What the VAE makes of a picture. `tiles`: what it works on at once, where that is not as always. */
  reference(pixels: Planes, tiles?: string): string;
}

/** `networks`: what decides how they compute: weights, precision, device, versions. `scope`: whose encodings they are. */
export function createEncodingKeys(networks: readonly string[], scope: string): EncodingKeys {
  const base = digest([VERSION, ...networks, scope]);
  return {
    image: ({ data, rows, columns }) => digest([base, 'image', `${rows} ${columns}`, bytesOf(data)]),
    prompt: ({ ids, imageStarts }, images) =>
      digest([base, 'prompt', JSON.stringify(ids), JSON.stringify(imageStarts), ...images]),
    reference: ({ data, channels, height, width }, tiles) =>
      digest([
        base,
        'reference',
        `${channels} ${height} ${width}`,
        bytesOf(data),
        ...(tiles === undefined ? [] : [tiles]),
      ]),
  };
}

/** Each part goes with its length, so that no two lists of parts read the same. */
function digest(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
