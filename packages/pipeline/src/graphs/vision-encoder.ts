import type { VisionConfig } from '../hub/text-encoder-config.ts';
import { createGraph, type Graph, type GraphSource, type Value } from '../onnx/graph.ts';
import { add, attention, linear, type RopeAngles, reshape, rmsNorm, rope } from '../onnx/layers.ts';
import { gatedMlp } from './text-encoder.ts';

/** The vision tower's configuration, and how the checkpoint names its tensors. */
export interface VisionGeometry extends VisionConfig {
  /** `visual.` or `model.visual.` */
  readonly prefix: string;
}

const NORM_EPS = 1e-6;

/** Patches of one picture in window order: pixel_values [N, C·T·P·P] -> hidden_states [N, D]. */
export function patchEmbedGraph(c: VisionGeometry, source: GraphSource): Graph {
  const kernel = [c.in_channels, c.temporal_patch_size, c.patch_size, c.patch_size];
  const columns = kernel.reduce((product, side) => product * side, 1);
  const g = createGraph('vision-encoder.embed', source);
  // The kernel of the convolution covers a patch exactly, so that it is a linear layer over the patch.
  const patches = linear(
    g,
    g.input('pixel_values', ['N', columns]),
    `${c.prefix}patch_embed.proj`,
    [c.hidden_size, columns],
    { bias: false, stored: [c.hidden_size, ...kernel] },
  );
  g.output('hidden_states', patches, ['N', c.hidden_size]);
  return g;
}

/** The places of the tokens in windows that are padded to the same length; values of the graph. */
interface Windows {
  /** [windows · length] the token in each place; in padding, any token. */
  readonly gather: Value;
  /** [N] place of each token. */
  readonly scatter: Value;
  /** [windows, 1, length, length]: 0 for keys that are tokens, very negative for padding. */
  readonly bias: Value;
  /** [3]: windows, length, D */
  readonly shape: Value;
}

/**
 * Blocks `first` to `last` (exclusive): hidden_states [N, D] in window order, cos, sin [N, head_dim / 2] and the windows
 * (gather [W · M], scatter [N], bias [W, 1, M, M], shape [3]) -> hidden_states.
 */
export function visionBlocksGraph(c: VisionGeometry, first: number, last: number, source: GraphSource): Graph {
  const d = c.hidden_size;
  const half = d / c.num_heads / 2;
  const g = createGraph(`vision-encoder.blocks.${first}-${last}`, source);
  const angles: RopeAngles = { cos: g.input('cos', ['N', half]), sin: g.input('sin', ['N', half]) };
  const windows: Windows = {
    gather: g.input('window_gather', ['G'], 'int64'),
    scatter: g.input('window_scatter', ['N'], 'int64'),
    bias: g.input('window_bias', ['W', 1, 'M', 'M']),
    shape: g.input('window_shape', [3], 'int64'),
  };
  let x = g.input('hidden_states', ['N', d]);
  for (let i = first; i < last; i++) {
    x = block(g, c, `${c.prefix}blocks.${i}`, x, angles, c.fullatt_block_indexes.includes(i) ? undefined : windows);
  }
  g.output('hidden_states', x, ['N', d]);
  return g;
}

/** hidden_states [N, D] in window order, reverse [N / merge²] -> image_embeds [N / merge², out] row by row. Source: Qwen2_5_VLPatchMerger. */
export function mergerGraph(c: VisionGeometry, source: GraphSource): Graph {
  const merged = c.hidden_size * c.spatial_merge_size ** 2;
  const name = `${c.prefix}merger`;
  const g = createGraph('vision-encoder.merger', source);
  const normed = rmsNorm(
    g,
    g.input('hidden_states', ['N', c.hidden_size]),
    g.weight(`${name}.ln_q.weight`, [c.hidden_size]),
    NORM_EPS,
  );
  const hidden = linear(g, reshape(g, normed, [-1, merged]), `${name}.mlp.0`, [merged, merged]);
  const out = linear(g, g.op('Gelu', [hidden]), `${name}.mlp.2`, [c.out_hidden_size, merged]);
  g.output('image_embeds', g.op('Gather', [out, g.input('reverse', ['K'], 'int64')], { axis: 0 }), [
    'K',
    c.out_hidden_size,
  ]);
  return g;
}

/** Source: Qwen2_5_VLVisionBlock. */
function block(
  g: Graph,
  c: VisionGeometry,
  name: string,
  x: Value,
  angles: RopeAngles,
  windows: Windows | undefined,
): Value {
  const d = c.hidden_size;
  const norm = (value: Value, which: string): Value =>
    rmsNorm(g, value, g.weight(`${name}.${which}.weight`, [d]), NORM_EPS);
  const y = add(g, x, selfAttention(g, c, `${name}.attn`, norm(x, 'norm1'), angles, windows));
  return add(g, y, gatedMlp(g, `${name}.mlp`, norm(y, 'norm2'), d, c.intermediate_size, true));
}

/** Over all patches of the picture, or within each window. */
function selfAttention(
  g: Graph,
  c: VisionGeometry,
  name: string,
  x: Value,
  angles: RopeAngles,
  windows: Windows | undefined,
): Value {
  const d = c.hidden_size;
  const heads = c.num_heads;
  const parts = g.ops('Split', [linear(g, x, `${name}.qkv`, [3 * d, d])], 3, { axis: 1, num_outputs: 3 });
  const [q, k, v] = parts.map((part) => reshape(g, part, [1, -1, d]));
  const rotate = (value: Value): Value => rope(g, value, angles, heads, false);
  if (windows === undefined) {
    const out = attention(g, [rotate(q!), rotate(k!), v!], { count: heads, dim: d / heads });
    return linear(g, reshape(g, out, [-1, d]), `${name}.proj`, [d, d]);
  }
  const intoWindows = (value: Value): Value =>
    g.op('Reshape', [g.op('Gather', [value, windows.gather], { axis: 1 }), windows.shape]);
  const inWindows = [intoWindows(rotate(q!)), intoWindows(rotate(k!)), intoWindows(v!)] as const;
  const out = attention(g, inWindows, { count: heads, dim: d / heads }, { bias: windows.bias });
  const back = g.op('Gather', [reshape(g, out, [-1, d]), windows.scatter], { axis: 0 });
  return linear(g, back, `${name}.proj`, [d, d]);
}
