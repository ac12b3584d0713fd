import { AppError, type DeviceName, type PrecisionName, parsePrecision, precisionObstacle } from '@qwen-edit/contract';
import { gemmLinear, type LinearForm } from '../onnx/linear.ts';

/** How the networks compute: what numbers they use, and in what form weights enter matrix products. */
export interface Precision {
  /** How callers, facts, receipts and fingerprints of snapshots name it. */
  readonly name: PrecisionName;
  /** Builds the nodes of a linear layer. Every product of activations with a weight goes through it. */
  readonly linear: LinearForm;
}

/** Each precision that the table of the contract says to run, with the form of its linear layers. */
const LINEAR_FORMS: Readonly<Partial<Record<PrecisionName, LinearForm>>> = { fp32: gemmLinear };

/**
 * The precision with this name; without a name, or with an empty one, the default precision. Throws AppError `invalid_parameter`
 * for an unknown name, with the list of all, and for one that this version does not run on the device, with what it runs.
 */
export function precisionNamed(name?: string, device: DeviceName = 'cpu'): Precision {
  const wanted = name === undefined || name === '' ? 'fp32' : parsePrecision(name);
  const linear = LINEAR_FORMS[wanted];
  const obstacle = precisionObstacle(wanted, device);
  if (linear === undefined || obstacle !== undefined)
    throw new AppError('invalid_parameter', obstacle ?? `The precision ${wanted} is not in this version.`);
  return { name: wanted, linear };
}
