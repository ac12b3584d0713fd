import type { Segment } from '../engine/segment-chain.ts';
import { textEncoderSegments } from '../engine/text-encoder.ts';
import { transformerSegments } from '../engine/transformer.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { LinearForm, LinearLayer } from '../onnx/linear.ts';
import type { Weights } from '../weights/weights.ts';

/** A segment whose weights are stored in the form of a precision, and its linear layers. */
export interface HeavySegment {
  readonly name: string;
  readonly weights: Weights;
  readonly layers: readonly LinearLayer[];
  /** Whether its weights are also laid out for the processor. */
  readonly isLaidOut: boolean;
}

/** The segments with repeated layers: the blocks of the transformer, then the layers of the language model. */
export function heavySegments(folder: Pick<ModelFolder, 'root' | 'transformer' | 'textEncoder'>): HeavySegment[] {
  const { root, transformer, textEncoder } = folder;
  const found: LinearLayer[] = [];
  /** Builds nothing, and notes what it is asked for. */
  const linear: LinearForm = (g, x, layer) => {
    found.push(layer);
    return g.op('Identity', [x]);
  };
  const list = (weights: Weights, segments: readonly Segment[]): HeavySegment[] =>
    segments
      .filter(({ repeated }) => repeated !== undefined)
      .map(({ name, build, repeated }) => {
        found.length = 0;
        build();
        return { name, weights, layers: [...found], isLaidOut: repeated === 'each step' };
      });
  const sourceOf = (weights: Weights) => ({ weights, root, linear });
  const text = textEncoderSegments(textEncoder.config, sourceOf(textEncoder.weights));
  return [
    ...list(transformer.weights, transformerSegments(transformer.config, sourceOf(transformer.weights))),
    ...list(textEncoder.weights, text.textSegments),
  ];
}
