import type { Planes } from '../arrays.ts';
import { vaeDecoderGraph, vaeEncoderGraph } from '../graphs/vae.ts';
import { type VaeConfig, vaeFactor } from '../hub/vae-config.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { Weights } from '../weights/weights.ts';
import type { Device } from './devices.ts';
import { type EngineContext, graphSource, loadSegmentChain, type Segment, type SegmentChain } from './segment-chain.ts';
import { isTiled, tiled, UNTILED_AREA } from './vae-tiling.ts';

export interface Vae {
  /** Pixels over latents, along a side. */
  readonly factor: number;
  readonly channels: number;
  /** [3, H, W] in [-1, 1] -> mode of the posterior [z, H / f, W / f], not normalised. */
  encode(pixels: Planes): Promise<Planes>;
  /** [z, h, w] -> pixels [3, h · f, w · f], not clamped. */
  decode(latents: Planes): Promise<Planes>;
  /** Pixels of the largest picture that is worked on as a whole; see isTiled. */
  readonly untiledArea: number;
  /** Decides that from now on. */
  tileAbove(untiledArea: number): void;
  /** Its two networks, to decide what stays in memory. */
  readonly chains: { readonly encoder: SegmentChain; readonly decoder: SegmentChain };
}

/** The graphs of the VAE. */
export function vaeSegments(config: VaeConfig, source: GraphSource): Record<'encoder' | 'decoder', Segment> {
  return {
    encoder: { name: 'vae.encoder', build: () => vaeEncoderGraph(config, source) },
    decoder: { name: 'vae.decoder', build: () => vaeDecoderGraph(config, source) },
  };
}

/** Whether the VAE stays open between its stages, without its feature maps. */
export const vaeStays = ({ ownMemory, keepsWorkspace }: Pick<Device, 'ownMemory' | 'keepsWorkspace'>): boolean =>
  ownMemory && !keepsWorkspace;

/** AutoencoderKLQwenImage on single frames; one picture at a time (slicing), in tiles above 1024², or as a plan says. */
export async function loadVae(context: EngineContext, config: VaeConfig, weights: Weights): Promise<Vae> {
  const segments = vaeSegments(config, graphSource(context, weights));
  // Only a slice of each kernel acts: it is cut out once, when the graph is loaded.
  // Its feature maps have hundreds of megabytes. They are kept within a stage, and given back at its end. A device with a memory of
  // its own would have to compile its kernels again for each edit.
  const holding = { held: 1, stays: vaeStays(context.device), prepacks: false };
  const options = { foldConstants: true, arena: true, holding };
  const encoder = await loadSegmentChain(context, [segments.encoder], options);
  const decoder = await loadSegmentChain(context, [segments.decoder], options);
  const factor = vaeFactor(config);
  let untiledArea = UNTILED_AREA;

  const run = async (
    chain: SegmentChain,
    input: 'pixels' | 'latents',
    output: 'pixels' | 'latents',
    planes: Planes,
  ): Promise<Planes> => {
    const { data, channels, height, width } = planes;
    const result = (await chain.run({ [input]: { data, dims: [1, channels, height, width] } }))[output]!;
    const [, c = 0, h = 0, w = 0] = result.dims;
    return { data: result.data, channels: c, height: h, width: w };
  };
  const encode = (pixels: Planes): Promise<Planes> => run(encoder, 'pixels', 'latents', pixels);
  const decode = (latents: Planes): Promise<Planes> => run(decoder, 'latents', 'pixels', latents);

  return {
    factor,
    channels: config.z_dim,
    chains: { encoder, decoder },
    get untiledArea() {
      return untiledArea;
    },
    tileAbove(area) {
      untiledArea = area;
    },
    encode: (pixels) =>
      isTiled(pixels.width, pixels.height, untiledArea)
        ? tiled(pixels, encode, { from: 1, to: 1 / factor })
        : encode(pixels),
    decode: (latents) =>
      isTiled(latents.width * factor, latents.height * factor, untiledArea)
        ? tiled(latents, decode, { from: 1 / factor, to: 1 })
        : decode(latents),
  };
}
