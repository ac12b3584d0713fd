import type { LanguageConfig } from '../hub/text-encoder-config.ts';
import { createGraph, type Graph, type GraphSource, type Value } from '../onnx/graph.ts';
import { add, attention, concat, linear, mul, type RopeAngles, reshape, rmsNorm, rope, silu } from '../onnx/layers.ts';

/** The language model's configuration, and how the checkpoint names its tensors. */
export interface LanguageGeometry extends LanguageConfig {
  /** `model.` or `model.language_model.` */
  readonly prefix: string;
}

/** input_ids [S], image_embeds [N, D], order [S] (i for token i, S + k for picture embedding k) -> hidden_states [S, D]. */
export function tokenEmbedGraph(c: LanguageGeometry, source: GraphSource): Graph {
  const d = c.hidden_size;
  const g = createGraph('text-encoder.embed', source);
  const tokens = g.rows(`${c.prefix}embed_tokens.weight`, [c.vocab_size, d], g.input('input_ids', ['S'], 'int64'));
  const all = concat(g, [tokens, g.input('image_embeds', ['N', d])], 0);
  g.output('hidden_states', g.op('Gather', [all, g.input('order', ['S'], 'int64')], { axis: 0 }), ['S', d]);
  return g;
}

/** Layers `first` to `last` (exclusive): hidden_states [S, D], cos, sin [S, head_dim / 2] -> hidden_states; after the last layer comes the final norm. */
export function textLayersGraph(c: LanguageGeometry, first: number, last: number, source: GraphSource): Graph {
  const d = c.hidden_size;
  const half = d / c.num_attention_heads / 2;
  const g = createGraph(`text-encoder.layers.${first}-${last}`, source);
  const angles: RopeAngles = { cos: g.input('cos', ['S', half]), sin: g.input('sin', ['S', half]) };
  let x = g.input('hidden_states', ['S', d]);
  for (let i = first; i < last; i++) x = layer(g, c, `${c.prefix}layers.${i}`, x, angles);
  if (last === c.num_hidden_layers) x = rmsNorm(g, x, g.weight(`${c.prefix}norm.weight`, [d]), c.rms_norm_eps);
  g.output('hidden_states', x, ['S', d]);
  return g;
}

/** Source: Qwen2_5_VLDecoderLayer. */
function layer(g: Graph, c: LanguageGeometry, name: string, x: Value, angles: RopeAngles): Value {
  const d = c.hidden_size;
  const norm = (value: Value, which: string): Value =>
    rmsNorm(g, value, g.weight(`${name}.${which}.weight`, [d]), c.rms_norm_eps);
  const y = add(g, x, selfAttention(g, c, `${name}.self_attn`, norm(x, 'input_layernorm'), angles));
  return add(g, y, gatedMlp(g, `${name}.mlp`, norm(y, 'post_attention_layernorm'), d, c.intermediate_size, false));
}

/** Causal attention with grouped key and value heads. */
function selfAttention(g: Graph, c: LanguageGeometry, name: string, x: Value, angles: RopeAngles): Value {
  const d = c.hidden_size;
  const heads = c.num_attention_heads;
  const groups = c.num_key_value_heads;
  const headDim = d / heads;
  const project = (which: string, count: number): Value =>
    reshape(g, linear(g, x, `${name}.${which}`, [count * headDim, d]), [1, -1, count * headDim]);
  const repeat = (value: Value): Value => {
    if (groups === heads) return value;
    const grouped = reshape(g, value, [1, -1, groups, 1, headDim]);
    return reshape(g, g.op('Expand', [grouped, g.ints([1, 1, 1, heads / groups, 1])]), [1, -1, d]);
  };
  const q = rope(g, project('q_proj', heads), angles, heads, false);
  const k = repeat(rope(g, project('k_proj', groups), angles, groups, false));
  const v = repeat(project('v_proj', groups));
  const out = reshape(g, attention(g, [q, k, v], { count: heads, dim: headDim }, { causal: true }), [-1, d]);
  return linear(g, out, `${name}.o_proj`, [d, d], { bias: false });
}

/** down(silu(gate(x)) · up(x)). Source: Qwen2MLP, Qwen2_5_VLMLP. */
export function gatedMlp(g: Graph, name: string, x: Value, d: number, hidden: number, bias: boolean): Value {
  const gate = silu(g, linear(g, x, `${name}.gate_proj`, [hidden, d], { bias }));
  const up = linear(g, x, `${name}.up_proj`, [hidden, d], { bias });
  return linear(g, mul(g, gate, up), `${name}.down_proj`, [d, hidden], { bias });
}
