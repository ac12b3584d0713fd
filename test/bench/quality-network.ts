import type { PrecisionName } from '@qwen-edit/contract';
import { loadPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';

const SIDE = 16;
const TEXT_TOKENS = 64;

export interface CallOptions {
  readonly precision: PrecisionName;
  readonly threads: number;
  readonly weightCacheDir: string;
}

/** One call of a model's transformer, always with the same noise, references and words: its prediction [256, C]. */
export async function predictOnce(dir: string, options: CallOptions): Promise<Float32Array> {
  const model = await loadPreparedModel(dir, { device: 'cpu', pause: async () => undefined, ...options });
  try {
    const { in_channels, joint_attention_dim } = model.folder.transformer.config;
    const matrix = (rows: number, columns: number, seed: bigint) => ({
      data: randn(rows * columns, seed),
      dims: [rows, columns],
    });
    const picture = { rows: SIDE, columns: SIDE };
    const { transformer } = model;
    const [prediction] = await transformer.predict({
      latents: matrix(SIDE * SIDE, in_channels, 1n),
      referenceLatents: matrix(SIDE * SIDE, in_channels, 2n),
      conditions: [
        {
          promptEmbeds: matrix(TEXT_TOKENS, joint_attention_dim, 3n),
          angles: transformer.angles(TEXT_TOKENS, [picture, picture]),
        },
      ],
      modulations: await (await transformer.modulate(Float32Array.of(0.5))).step(0),
    });
    return prediction!;
  } finally {
    await model.release();
  }
}

export interface Closeness {
  readonly cosine: number;
  /** Length of the difference over the length of the reference. */
  readonly relative: number;
}

/** How close an array is to a reference of the same length. NaN if either holds what is no finite number. */
export function closenessOf(values: Float32Array, reference: Float32Array): Closeness {
  let [dot, own, wanted, error] = [0, 0, 0, 0];
  for (const [i, x] of reference.entries()) {
    const y = values[i] ?? Number.NaN;
    dot += x * y;
    own += y * y;
    wanted += x * x;
    error += (y - x) ** 2;
  }
  return { cosine: dot / Math.sqrt(own * wanted), relative: Math.sqrt(error / wanted) };
}
