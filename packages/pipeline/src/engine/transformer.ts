import type { FloatArray, Grid } from '../arrays.ts';
import { blocksGraph, embedGraph, tailGraph } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { Branch } from '../lora/combine-loras.ts';
import type { LoraTargets } from '../lora/read-lora.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import { type Branches, createBranches } from './branches.ts';
import { createModulator, type Modulations, type StepModulations } from './modulations.ts';
import { type Angles, anglesInputs, transformerAngles } from './rope.ts';
import {
  type EngineContext,
  graphSource,
  type Holding,
  loadSegmentChain,
  type Segment,
  type SegmentChain,
  segmentRanges,
} from './segment-chain.ts';

/** What one prediction is made for. */
export interface Condition {
  /** [L, E] */
  readonly promptEmbeds: FloatArray;
  readonly angles: Angles;
}

export interface TransformerCall {
  /** Packed target latents [T, C]. */
  readonly latents: FloatArray;
  /** Packed latents of all references, one after the other, [R, C]. */
  readonly referenceLatents: FloatArray;
  readonly conditions: readonly Condition[];
  /** Those of the step. */
  readonly modulations: StepModulations;
}

export interface Transformer {
  /** Its segments, to decide what stays in memory. */
  readonly chain: SegmentChain;
  /** Rotary angles of a call: target first, then the references. They stay the same over all steps. */
  angles(textTokens: number, pictures: readonly Grid[]): Angles;
  /** Modulations of all steps, computed once. `timesteps`: in [0, 1], sigmas. */
  modulate(timesteps: Float32Array): Promise<Modulations>;
  /** Layers that LoRAs may change. */
  readonly targets: LoraTargets;
  /** Bytes of all branches. */
  readonly branchBytes: number;
  /** Gives layers these branches, and no others, from now on. `key`: which ones they are. */
  useBranches(branches: ReadonlyMap<string, Branch>, key: string): Promise<void>;
  /** noise_pred of the target, [T, C], for each condition. Each block runs for all of them before the next one does. */
  predict(call: TransformerCall): Promise<readonly Float32Array[]>;
}

/**
 * The graphs of the transformer in the order in which they run: embed, blocks i..j, tail. `segmentBytes`: see EngineContext. `wrap`: what is
 * built around each linear layer.
 */
export function transformerSegments(
  config: TransformerConfig,
  source: GraphSource,
  { segmentBytes, wrap = asIs }: { readonly segmentBytes?: number | undefined; readonly wrap?: Branches['wrap'] } = {},
): readonly Segment[] {
  const ranges = segmentRanges(source.weights, 'transformer_blocks.', config.num_layers, segmentBytes);
  const wrapped = (): GraphSource => ({ ...source, linear: wrap(source.linear) });
  return [
    { name: 'transformer.embed', build: () => embedGraph(config, wrapped()) },
    ...ranges.map(([first, last]) => blocksSegment(config, source, [first, last], wrap)),
    { name: 'transformer.tail', build: () => tailGraph(config, wrapped()) },
  ];
}

const asIs: Branches['wrap'] = (form) => form;

function blocksSegment(
  config: TransformerConfig,
  source: GraphSource,
  [first, last]: readonly [number, number],
  wrap: Branches['wrap'] = asIs,
): Segment {
  return {
    name: `transformer.blocks.${first}-${last}`,
    build: (linear = source.repeated?.linear ?? source.linear) =>
      blocksGraph(config, first, last, {
        ...source,
        linear: wrap(linear),
        attention: source.repeated?.attention ?? source.attention,
      }),
    repeated: 'each step',
  };
}

/**
 * One block of the transformer, by itself, as a network of one segment. It is run with the inputs of blocksGraph, which names the
 * modulations by the block.
 */
export async function loadTransformerBlock(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
  block: number,
): Promise<SegmentChain> {
  return loadSegmentChain(context, [blocksSegment(config, graphSource(context, weights), [block, block + 1])]);
}

/** Whether it takes longer to load graphs than to map files: a card gets copies of weights, and prepared ones are laid out anew. */
function keepsGraphs({ device, precision }: EngineContext): boolean {
  return device.ownMemory || precision.preparation !== undefined;
}

/** QwenImageTransformer2DModel in segments. */
export async function loadTransformer(
  context: EngineContext,
  config: TransformerConfig,
  weights: Weights,
  holding?: Holding,
): Promise<Transformer> {
  const source = graphSource(context, weights);
  const branches = createBranches(weights, keepsGraphs(context));
  const modulate = createModulator(context, config, source, branches);
  const chain = await loadSegmentChain(
    context,
    transformerSegments(config, source, { segmentBytes: context.segmentBytes, wrap: branches.wrap }),
    holding === undefined ? {} : { holding },
  );

  return {
    chain,
    angles: (textTokens, pictures) => transformerAngles(textTokens, pictures, config.axes_dims_rope),
    modulate,
    targets: branches.targets,
    get branchBytes() {
      return branches.bytes;
    },
    async useBranches(wanted, key) {
      if (branches.set(wanted, key)) await chain.release();
    },
    async predict({ latents, referenceLatents, conditions, modulations }) {
      const results = await chain.runEach(
        conditions.map(({ promptEmbeds, angles }) => ({
          latents,
          reference_latents: referenceLatents,
          prompt_embeds: promptEmbeds,
          ...modulations,
          ...anglesInputs(angles),
          ...branches.inputs,
        })),
      );
      return results.map(({ noise_pred }) => noise_pred!.data);
    },
  };
}
