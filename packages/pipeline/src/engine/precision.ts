import { gemmLinear, type LinearForm } from '../onnx/linear.ts';
import { chooseFrom } from './choices.ts';

/** How the networks compute: what numbers they use, and in what form weights enter matrix products. */
export interface Precision {
  /** How callers, facts, receipts and fingerprints of snapshots name it. */
  readonly name: string;
  /** The same in words, for messages. */
  readonly label: string;
  /** Builds the nodes of a linear layer. Every product of activations with a weight goes through it. */
  readonly linear: LinearForm;
}

/** Every precision. A new one is an entry here, with the form of its linear layers. */
const PRECISIONS = {
  fp32: { label: 'fp32 arithmetic over the weights as the checkpoint stores them', linear: gemmLinear },
} as const satisfies Record<string, Omit<Precision, 'name'>>;

/**
 * The precision with this name; without a name, or with an empty one, the default precision.
 * Throws AppError `invalid_parameter`, which lists the precisions, for an unknown name.
 */
export function precisionNamed(name?: string): Precision {
  const key = chooseFrom(PRECISIONS, 'precision', name, 'fp32');
  return { name: key, ...PRECISIONS[key] };
}
