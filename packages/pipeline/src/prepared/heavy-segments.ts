import type { Preparation } from '../engine/precision.ts';
import type { Segment } from '../engine/segment-chain.ts';
import { textEncoderSegments } from '../engine/text-encoder.ts';
import { transformerSegments } from '../engine/transformer.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { GraphSource } from '../onnx/graph.ts';
import type { LinearForm, LinearLayer } from '../onnx/linear.ts';
import type { Weights } from '../weights/weights.ts';
import { NO_LAYOUT } from './processor-class.ts';

/** A segment whose weights are stored in the form of a precision, and its linear layers. */
export interface HeavySegment {
  readonly name: string;
  readonly weights: Weights;
  readonly layers: readonly LinearLayer[];
  /** Whether it runs so often that it pays to lay its weights out for the processor. */
  readonly runsEachStep: boolean;
}

/** Whether the weights of a segment are also stored as they are laid out for a class of processors. */
export function isLaidOut(
  { runsEachStep }: HeavySegment,
  { needsLayout }: Pick<Preparation, 'needsLayout'>,
  processor: string,
): boolean {
  return processor !== NO_LAYOUT && (runsEachStep || needsLayout);
}

/**
 * The segments with repeated layers: the blocks of the transformer, then the layers of the language model. Builds all graphs of both, so that a
 * weight that is missing or of another shape or type is found before anything is made: throws what Weights.get throws.
 */
export function heavySegments(folder: Pick<ModelFolder, 'root' | 'transformer' | 'textEncoder'>): HeavySegment[] {
  const { root, transformer, textEncoder } = folder;
  const list = (weights: Weights, segmentsOf: (source: GraphSource) => readonly Segment[]): HeavySegment[] => {
    const found: LinearLayer[] = [];
    /** Builds nothing, and notes what it is asked for. */
    const linear: LinearForm = (g, x, layer) => {
      weights.get(`${layer.name}.weight`, layer.stored);
      if (layer.bias) weights.get(`${layer.name}.bias`, [layer.n]);
      found.push(layer);
      return g.op('Identity', [x]);
    };
    return segmentsOf({ weights, root, linear }).flatMap(({ name, build, repeated }) => {
      found.length = 0;
      build();
      return repeated === undefined
        ? []
        : [{ name, weights, layers: [...found], runsEachStep: repeated === 'each step' }];
    });
  };
  return [
    ...list(transformer.weights, (source) => transformerSegments(transformer.config, source)),
    ...list(textEncoder.weights, (source) => {
      const { visionSegments, textSegments } = textEncoderSegments(textEncoder.config, source);
      return [...visionSegments, ...textSegments];
    }),
  ];
}
