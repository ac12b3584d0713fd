import type { FloatArray } from '../arrays.ts';
import { gemmLinear, type LinearForm } from '../onnx/linear.ts';

/** How many input channels a layer may keep in fp32. */
const COUNTS = [0, 4, 8, 16, 32] as const;

/** What was measured of the inputs of a layer, over all its calls. */
export interface LayerRanges {
  /** The largest value. */
  readonly largest: number;
  /** Of the largest values of the channels, the one in the middle. */
  readonly typical: number;
  /** For each of COUNTS: the power of the rounding, in a unit of its own, if so many channels are kept in fp32. */
  readonly noise: readonly number[];
}

const CHANNELS = 'largest by channel of ';
const TOKENS = 'largest by token of ';

/** Linear layers in fp32 whose graphs also give the largest absolute inputs of each channel, [k], and of each token, [S]. */
export const recordingLinear: LinearForm = (g, x, layer) => {
  const size = g.op('Abs', [x]);
  const largest = (axis: number) => g.op('ReduceMax', [size, g.ints([axis])], { keepdims: 0 });
  g.output(CHANNELS + layer.name, largest(0), [layer.k]);
  g.output(TOKENS + layer.name, largest(1), ['S']);
  return gemmLinear(g, x, layer);
};

/** Adds what a segment has given to what is known of its layers. */
export function addRanges(known: Map<string, LayerRanges>, outputs: Readonly<Record<string, FloatArray>>): void {
  for (const [output, { data: channels }] of Object.entries(outputs)) {
    if (!output.startsWith(CHANNELS)) continue;
    const name = output.slice(CHANNELS.length);
    const tokens = outputs[TOKENS + name]?.data ?? new Float32Array();
    const call = rangesOf(channels, tokens);
    const before = known.get(name);
    known.set(name, before === undefined ? call : joined(before, call));
  }
}

/**
 * The ranges of one call. A token is rounded in steps of its largest value / 127, so that the power of its rounding grows with the square of
 * that value. If the `count` channels with the largest values are kept in fp32, it is at most the square of min(largest of the token,
 * largest of the channels that are left).
 */
export function rangesOf(channels: Float32Array, tokens: Float32Array): LayerRanges {
  const sorted = Float32Array.from(channels).sort().reverse();
  const noise = COUNTS.map((count) => {
    const left = sorted[count] ?? 0;
    return tokens.reduce((sum, token) => sum + Math.min(token, left) ** 2, 0);
  });
  return { largest: sorted[0] ?? 0, typical: sorted[sorted.length >> 1] ?? 0, noise };
}

function joined(a: LayerRanges, b: LayerRanges): LayerRanges {
  return {
    largest: Math.max(a.largest, b.largest),
    typical: Math.max(a.typical, b.typical),
    noise: a.noise.map((power, i) => power + (b.noise[i] ?? 0)),
  };
}

/** 3 dB more noise than with the most channels are not worth their time: 32 channels cost 8 % of a block. */
const NOTABLE = 2;

/** The smallest of COUNTS with at most twice the noise of the largest. */
export function outliersFor({ noise }: LayerRanges): number {
  const least = noise.at(-1) ?? 0;
  const index = noise.findIndex((power) => power <= NOTABLE * least);
  return COUNTS[index] ?? 0;
}
