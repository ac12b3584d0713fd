import type { Transformer, TransformerCall } from '../src/engine/transformer.ts';
import type { TransformerConfig } from '../src/hub/transformer-config.ts';

/** A call of the transformer with made-up numbers: a target and a reference of `side`² tokens, and a prompt of `text`. */
export async function madeUpCall(
  transformer: Pick<Transformer, 'angles' | 'modulate'>,
  { in_channels, joint_attention_dim }: TransformerConfig,
  { side, text }: { readonly side: number; readonly text: number },
): Promise<TransformerCall> {
  const picture = { rows: side, columns: side };
  const matrix = (rows: number, columns: number) => ({
    data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    dims: [rows, columns],
  });
  return {
    latents: matrix(side * side, in_channels),
    referenceLatents: matrix(side * side, in_channels),
    conditions: [
      { promptEmbeds: matrix(text, joint_attention_dim), angles: transformer.angles(text, [picture, picture]) },
    ],
    modulations: await (await transformer.modulate(Float32Array.of(0.5))).step(0),
  };
}
