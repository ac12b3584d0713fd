import { AppError } from '@qwen-edit/contract';
import { concatenate, type FloatArray, rows } from '../arrays.ts';
import { type LanguageGeometry, textLayersGraph, tokenEmbedGraph } from '../graphs/text-encoder.ts';
import { mergerGraph, patchEmbedGraph, type VisionGeometry, visionBlocksGraph } from '../graphs/vision-encoder.ts';
import type { TextEncoderConfig } from '../hub/text-encoder-config.ts';
import type { PatchGrid } from '../image/preprocess.ts';
import { planWindows, toWindowOrder } from '../image/windows.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { PromptTokens } from '../text/prompt.ts';
import { DROPPED_TOKENS } from '../text/template.ts';
import { ONE_REVISION } from '../weights/remedies.ts';
import type { Weights } from '../weights/weights.ts';
import { anglesInputs, mropePositions, textAngles, visionAngles } from './rope.ts';
import {
  type EngineContext,
  graphSource,
  type Holding,
  loadSegmentChain,
  type Segment,
  type SegmentChain,
  segmentRanges,
} from './segment-chain.ts';

export interface TextEncoder {
  /** Embeddings of one picture's merged patches, [rows · columns / merge², D]. */
  encodeImage(grid: PatchGrid): Promise<FloatArray>;
  /** Last hidden states [S, D] of the whole sequence, with real mRoPE positions. */
  encodeTokens(tokens: PromptTokens, images: readonly FloatArray[], grids: readonly PatchGrid[]): Promise<FloatArray>;
  /** prompt_embeds [S - 64, D]: the hidden states without the template's first tokens. */
  encodePrompt(tokens: PromptTokens, images: readonly FloatArray[], grids: readonly PatchGrid[]): Promise<FloatArray>;
  readonly mergeSize: number;
  /** The vision tower and the language model, to decide what stays in memory. */
  readonly chains: { readonly vision: SegmentChain; readonly text: SegmentChain };
}

/** The two networks of the text encoder: their geometry, and their graphs in the order in which they run. */
interface TextEncoderSegments {
  readonly text: LanguageGeometry;
  readonly vision: VisionGeometry;
  readonly textSegments: readonly Segment[];
  readonly visionSegments: readonly Segment[];
}

/** Throws AppError `model_incomplete` if the weights are not called as in any known layout. */
export function textEncoderSegments(config: TextEncoderConfig, source: GraphSource): TextEncoderSegments {
  const { weights } = source;
  const text: LanguageGeometry = {
    ...config.text,
    prefix: prefixOf(weights, 'embed_tokens.weight', ['model.', 'model.language_model.', 'language_model.model.']),
  };
  const vision: VisionGeometry = {
    ...config.vision,
    prefix: prefixOf(weights, 'merger.ln_q.weight', ['visual.', 'model.visual.']),
  };
  const blockRanges = segmentRanges(weights, `${vision.prefix}blocks.`, vision.depth);
  const layerRanges = segmentRanges(weights, `${text.prefix}layers.`, text.num_hidden_layers);
  return {
    text,
    vision,
    visionSegments: [
      { name: 'vision.patch-embed', build: () => patchEmbedGraph(vision, source) },
      ...blockRanges.map(([first, last]) => ({
        name: `vision.blocks.${first}-${last}`,
        build: () => visionBlocksGraph(vision, first, last, source),
      })),
      { name: 'vision.merger', build: () => mergerGraph(vision, source) },
    ],
    textSegments: [
      { name: 'text-encoder.embed', build: () => tokenEmbedGraph(text, source), onHost: true },
      ...layerRanges.map(([first, last]) => ({
        name: `text-encoder.layers.${first}-${last}`,
        build: (linear = source.repeated?.linear ?? source.linear) =>
          textLayersGraph(text, first, last, { ...source, linear }),
        repeated: 'once' as const,
      })),
    ],
  };
}

/** Qwen2.5-VL as a text encoder: vision tower and language model. Opens every segment once. */
export async function loadTextEncoder(
  context: EngineContext,
  config: TextEncoderConfig,
  weights: Weights,
  holding?: { readonly vision: Holding; readonly language: Holding },
): Promise<TextEncoder> {
  const { text, vision, ...segments } = textEncoderSegments(config, graphSource(context, weights));
  const visionChain = await loadSegmentChain(context, segments.visionSegments, holding && { holding: holding.vision });
  const textChain = await loadSegmentChain(context, segments.textSegments, holding && { holding: holding.language });

  const encodeImage = async (grid: PatchGrid): Promise<FloatArray> => {
    const merge = vision.spatial_merge_size;
    const unit = merge * merge;
    const headDim = vision.hidden_size / vision.num_heads;
    const plan = planWindows(grid, merge, Math.floor(vision.window_size / merge / vision.patch_size));
    const angles = visionAngles(grid, merge, headDim);
    const tokens = angles.tokens;
    const ordered = (values: Float32Array): FloatArray => {
      const size = values.length / tokens;
      return { data: toWindowOrder(values, plan.order, unit, size), dims: [tokens, size] };
    };
    const { image_embeds } = await visionChain.run({
      pixel_values: ordered(grid.data),
      cos: ordered(angles.cos),
      sin: ordered(angles.sin),
      window_gather: { data: plan.gather, dims: [plan.gather.length] },
      window_scatter: { data: plan.scatter, dims: [tokens] },
      window_bias: { data: plan.bias, dims: [plan.windows, 1, plan.length, plan.length] },
      window_shape: { data: BigInt64Array.from([plan.windows, plan.length, vision.hidden_size], BigInt), dims: [3] },
      reverse: { data: plan.reverse, dims: [plan.reverse.length] },
    });
    return image_embeds!;
  };

  const encodeTokens: TextEncoder['encodeTokens'] = async (tokens, images, grids) => {
    const length = tokens.ids.length;
    const foreign = tokens.ids.find((id) => id >= text.vocab_size);
    if (foreign !== undefined) {
      throw new AppError(
        'model_unsupported',
        `The tokenizer gives the id ${foreign}, the text encoder has a vocab_size of ${text.vocab_size}.`,
        { hint: ONE_REVISION },
      );
    }
    const merge = vision.spatial_merge_size;
    const merged = grids.map((grid) => ({ rows: grid.rows / merge, columns: grid.columns / merge }));
    const angles = textAngles(
      mropePositions(length, tokens.imageStarts, merged),
      config.text.rope_theta,
      config.text.mrope_section,
    );
    const { hidden_states } = await textChain.run({
      input_ids: { data: BigInt64Array.from(tokens.ids, BigInt), dims: [length] },
      image_embeds: stack(images),
      order: { data: gatherOrder(length, tokens.imageStarts, images), dims: [length] },
      ...anglesInputs(angles),
    });
    return hidden_states!;
  };

  return {
    mergeSize: vision.spatial_merge_size,
    chains: { vision: visionChain, text: textChain },
    encodeImage,
    encodeTokens,
    async encodePrompt(tokens, images, grids) {
      const { data, dims } = await encodeTokens(tokens, images, grids);
      const [length = 0, width = 0] = dims;
      return { data: data.slice(DROPPED_TOKENS * width), dims: [length - DROPPED_TOKENS, width] };
    },
  };
}

/** Token i of the sequence is row i of the token embeddings, or row `length + k` for picture embedding k. */
function gatherOrder(length: number, starts: readonly number[], images: readonly FloatArray[]): BigInt64Array {
  const order = BigInt64Array.from({ length }, (_, i) => BigInt(i));
  let row = length;
  for (const [i, start] of starts.entries()) {
    const count = images[i]?.dims[0] ?? 0;
    for (let k = 0; k < count; k++) order[start + k] = BigInt(row++);
  }
  return order;
}

function stack(parts: readonly FloatArray[]): FloatArray {
  return rows(concatenate(parts.map((part) => part.data)), parts[0]?.dims[1] ?? 0);
}

function prefixOf(weights: Weights, name: string, prefixes: readonly string[]): string {
  const found = prefixes.find((prefix) => weights.has(prefix + name));
  if (found === undefined) {
    throw new AppError(
      'model_incomplete',
      `${weights.component}: no weight is called ${prefixes.map((prefix) => prefix + name).join(' or ')}.`,
      { hint: ONE_REVISION },
    );
  }
  return found;
}
