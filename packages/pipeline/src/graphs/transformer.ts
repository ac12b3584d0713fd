import type { TransformerConfig } from '../hub/transformer-config.ts';
import { createGraph, type Graph, type GraphSource, type Value } from '../onnx/graph.ts';
import {
  add,
  attention,
  concat,
  layerNorm,
  linear,
  mul,
  type RopeAngles,
  reshape,
  rmsNorm,
  rope,
  rowCount,
  silu,
  sliceRows,
} from '../onnx/layers.ts';

const NORM_EPS = 1e-6;
export const TIME_PROJ_CHANNELS = 256;
/** Width of the MLP over the width of the model. */
const MLP_RATIO = 4;

/**
 * The image stream is carried as two values, target and reference. They differ in their modulation only: target tokens
 * follow the timestep, reference tokens see t = 0 (zero_cond_t) or the same timestep.
 */
interface Streams {
  readonly target: Value;
  readonly reference: Value;
  readonly text: Value;
}

const width = (c: TransformerConfig): number => c.num_attention_heads * c.attention_head_dim;

/** Streams whose modulations each block takes as inputs, [1, 6 D] each. */
export const MODULATED = ['target', 'reference', 'text'] as const;

/** The name of a block's input with the modulations of a stream. */
export const modulationInput = (stream: (typeof MODULATED)[number], block: number): string => `${stream}_mod.${block}`;

/**
 * Time embeddings of N timesteps: time_proj [N, 256] -> temb [N, D], after its SiLU. Modulations depend on nothing else, so that they
 * are computed once for all steps.
 */
export function timeGraph(c: TransformerConfig, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph('transformer.time', source);
  const time = g.input('time_proj', ['N', TIME_PROJ_CHANNELS]);
  const hidden = silu(g, linear(g, time, 'time_text_embed.timestep_embedder.linear_1', [d, TIME_PROJ_CHANNELS]));
  const temb = silu(g, linear(g, hidden, 'time_text_embed.timestep_embedder.linear_2', [d, d]));
  g.output('temb', temb, ['N', d]);
  return g;
}

/** Modulations of the last segment: temb [N, D] -> final_mod [N, 2 D], scale and shift. */
export function finalModulationGraph(c: TransformerConfig, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph('transformer.modulation.final', source);
  g.output('final_mod', linear(g, g.input('temb', ['N', d]), 'norm_out.linear', [2 * d, d]), ['N', 2 * d]);
  return g;
}

/** Modulations of a block: temb [N, D] -> image_mod, text_mod [N, 6 D]: shift, scale and gate of the attention, then of the MLP. */
export function modulationGraph(c: TransformerConfig, block: number, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph(`transformer.modulation.${block}`, source);
  const temb = g.input('temb', ['N', d]);
  g.output('image_mod', linear(g, temb, `transformer_blocks.${block}.img_mod.1`, [6 * d, d]), ['N', 6 * d]);
  g.output('text_mod', linear(g, temb, `transformer_blocks.${block}.txt_mod.1`, [6 * d, d]), ['N', 6 * d]);
  return g;
}

/**
 * First segment: latents [T, C], reference_latents [R, C], prompt_embeds [L, E] -> target [T, D], reference [R, D], text [L, D].
 */
export function embedGraph(c: TransformerConfig, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph('transformer.embed', source);
  const imageIn = (x: Value): Value => linear(g, x, 'img_in', [d, c.in_channels]);
  g.output('target', imageIn(g.input('latents', ['T', c.in_channels])), ['T', d]);
  g.output('reference', imageIn(g.input('reference_latents', ['R', c.in_channels])), ['R', d]);

  const prompt = g.input('prompt_embeds', ['L', c.joint_attention_dim]);
  const normed = rmsNorm(g, prompt, g.weight('txt_norm.weight', [c.joint_attention_dim]), NORM_EPS);
  g.output('text', linear(g, normed, 'txt_in', [d, c.joint_attention_dim]), ['L', d]);
  return g;
}

/**
 * Blocks `first` to `last` (exclusive): target [T, D], reference [R, D], text [L, D], the modulations of each block
 * (see modulationInput), and cos, sin [L + T + R, head_dim / 2] -> target, reference, text.
 */
export function blocksGraph(c: TransformerConfig, first: number, last: number, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph(`transformer.blocks.${first}-${last}`, source);
  const half = c.attention_head_dim / 2;
  const angles: RopeAngles = { cos: g.input('cos', ['S', half]), sin: g.input('sin', ['S', half]) };
  let streams: Streams = {
    target: g.input('target', ['T', d]),
    reference: g.input('reference', ['R', d]),
    text: g.input('text', ['L', d]),
  };
  for (let i = first; i < last; i++) streams = block(g, c, i, streams, angles);
  g.output('target', streams.target, ['T', d]);
  g.output('reference', streams.reference, ['R', d]);
  g.output('text', streams.text, ['L', d]);
  return g;
}

/** Last segment: target [T, D], final_mod [1, 2 D] -> noise_pred [T, C]. Source: AdaLayerNormContinuous and proj_out. */
export function tailGraph(c: TransformerConfig, source: GraphSource): Graph {
  const d = width(c);
  const g = createGraph('transformer.tail', source);
  const target = g.input('target', ['T', d]);
  const [scale, shift] = g.ops('Split', [g.input('final_mod', [1, 2 * d])], 2, { axis: 1, num_outputs: 2 });
  const normed = layerNorm(g, target, onePlus(g, scale!, d), reshape(g, shift!, [d]), NORM_EPS);
  g.output('noise_pred', linear(g, normed, 'proj_out', [c.packed_channels, d]), ['T', c.packed_channels]);
  return g;
}

interface Modulation {
  readonly shift: Value;
  /** 1 + scale, as the norm takes it. */
  readonly scale: Value;
  /** [1, D] */
  readonly gate: Value;
}

/** One MMDiT block. Source: QwenImageTransformerBlock. */
function block(g: Graph, c: TransformerConfig, index: number, x: Streams, angles: RopeAngles): Streams {
  const d = width(c);
  const name = `transformer_blocks.${index}`;
  const modulated = (stream: (typeof MODULATED)[number]) =>
    modulations(g, g.input(modulationInput(stream, index), [1, 6 * d]), d);
  const [target, reference, text] = [modulated('target'), modulated('reference'), modulated('text')];
  const targetRows = rowCount(g, x.target);

  const normImage = (streams: Streams, i: 0 | 1): Value =>
    concat(g, [modulatedNorm(g, streams.target, target[i]), modulatedNorm(g, streams.reference, reference[i])], 0);
  const gated = (streams: Streams, image: Value, words: Value, i: 0 | 1): Streams => ({
    target: add(g, streams.target, mul(g, target[i].gate, sliceRows(g, image, g.ints([0]), targetRows))),
    reference: add(g, streams.reference, mul(g, reference[i].gate, sliceRows(g, image, targetRows))),
    text: add(g, streams.text, mul(g, text[i].gate, words)),
  });

  const [image1, words1] = jointAttention(
    g,
    c,
    `${name}.attn`,
    normImage(x, 0),
    modulatedNorm(g, x.text, text[0]),
    angles,
  );
  const y = gated(x, image1, words1, 0);
  const image2 = mlp(g, `${name}.img_mlp`, normImage(y, 1), d);
  const words2 = mlp(g, `${name}.txt_mlp`, modulatedNorm(g, y.text, text[1]), d);
  return gated(y, image2, words2, 1);
}

/** [1, 6 D] -> the modulations of the attention and of the MLP; each is (shift, scale, gate). */
function modulations(g: Graph, row: Value, d: number): readonly [Modulation, Modulation] {
  const parts = g.ops('Split', [row], 6, { axis: 1, num_outputs: 6 });
  const of = (i: number): Modulation => ({
    shift: reshape(g, parts[i]!, [d]),
    scale: onePlus(g, parts[i + 1]!, d),
    gate: parts[i + 2]!,
  });
  return [of(0), of(3)];
}

function onePlus(g: Graph, scale: Value, d: number): Value {
  return add(g, reshape(g, scale, [d]), g.floats([1], [1]));
}

function modulatedNorm(g: Graph, x: Value, modulation: Modulation): Value {
  return layerNorm(g, x, modulation.scale, modulation.shift, NORM_EPS);
}

/** Attention over [text, target, reference]. image [T + R, D], text [L, D] -> same. Source: QwenDoubleStreamAttnProcessor2_0. */
function jointAttention(
  g: Graph,
  c: TransformerConfig,
  name: string,
  image: Value,
  text: Value,
  angles: RopeAngles,
): [Value, Value] {
  const d = width(c);
  const heads = c.num_attention_heads;
  const joint = (textName: string, imageName: string, norms?: readonly [string, string]): Value => {
    const project = (x: Value, layer: string, norm: string | undefined): Value => {
      const y = reshape(g, linear(g, x, `${name}.${layer}`, [d, d]), [-1, heads, c.attention_head_dim]);
      return norm === undefined
        ? y
        : rmsNorm(g, y, g.weight(`${name}.${norm}.weight`, [c.attention_head_dim]), NORM_EPS);
    };
    const all = concat(g, [project(text, textName, norms?.[0]), project(image, imageName, norms?.[1])], 0);
    return reshape(g, all, [1, -1, d]);
  };
  const q = rope(g, joint('add_q_proj', 'to_q', ['norm_added_q', 'norm_q']), angles, heads, true);
  const k = rope(g, joint('add_k_proj', 'to_k', ['norm_added_k', 'norm_k']), angles, heads, true);
  const v = joint('add_v_proj', 'to_v');
  const out = reshape(g, attention(g, [q, k, v], { count: heads, dim: c.attention_head_dim }), [-1, d]);
  const textRows = rowCount(g, text);
  return [
    linear(g, sliceRows(g, out, textRows), `${name}.to_out.0`, [d, d]),
    linear(g, sliceRows(g, out, g.ints([0]), textRows), `${name}.to_add_out`, [d, d]),
  ];
}

/** Source: FeedForward with activation_fn "gelu-approximate". */
function mlp(g: Graph, name: string, x: Value, d: number): Value {
  const hidden = g.op('FastGelu', [linear(g, x, `${name}.net.0.proj`, [MLP_RATIO * d, d])]);
  return linear(g, hidden, `${name}.net.2`, [d, MLP_RATIO * d]);
}
