import {
  AppError,
  type DeviceName,
  type PrecisionName,
  parsePrecision,
  precisionFacts,
  precisionObstacle,
} from '@qwen-edit/contract';
import { gemmLinear, type LinearForm, type LinearLayer } from '../onnx/linear.ts';
import type { BlockInputs } from '../onnx/linear-blocks.ts';
import type { HalfType } from '../onnx/number-types.ts';
import type { FindPrepared } from '../onnx/prepared-layer.ts';
import { int4Preparation, int8BlocksPreparation } from './preparations/blocks.ts';
import { int8Preparation } from './preparations/int8.ts';

/** An array of a prepared weight, before it is written. */
export interface NewArray {
  readonly dtype: 'I8' | 'U8' | 'F32';
  readonly data: Int8Array | Uint8Array | Float32Array;
}

/** What a layer may be told apart from others: see `qwen-edit model calibrate`. */
export type LayerSettings = Readonly<Record<string, number>>;

/** How a precision stores the weights of repeated layers, and computes with them. */
export interface Preparation {
  /** Raised when what `prepare` gives means something else. */
  readonly version: number;
  /** Whether a processor's products are slow unless their weights are laid out for it, also where they run once. */
  readonly needsLayout: boolean;
  /** Settings of a layer that nobody has measured. */
  readonly settings: LayerSettings;
  /** The settings that change what `prepare` gives; without it, all do. The others change only what `linear` builds. */
  readonly stored?: readonly string[];
  /** The arrays of a weight [n, k]. Throws AppError `model_corrupt` for NaN. */
  prepare(weight: Float32Array, layer: LinearLayer, settings: LayerSettings): Readonly<Record<string, NewArray>>;
  /**
   * The form of linear layers over what was prepared. Layers that weren't are computed in fp32. `inputs`: what the device rounds activations
   * to, for weights in blocks; without it, as a processor does.
   */
  linear(find: FindPrepared, inputs?: BlockInputs): LinearForm;
}

/** How the networks compute: what numbers they use, and in what form weights enter matrix products. */
export interface Precision {
  /** How callers, facts, receipts and fingerprints of snapshots name it. */
  readonly name: PrecisionName;
  /** The form of linear layers over weights as the checkpoint stores them. */
  readonly linear: LinearForm;
  /** Repeated layers have a form of their own, over weights that are prepared for it. */
  readonly preparation?: Preparation;
  /** Repeated layers are computed in 16 bits, over the checkpoint's weights. */
  readonly half?: HalfType;
  /** A digest of what was measured of a model's layers, if that changes what they compute: see LayerTable. */
  readonly calibration?: string | undefined;
}

const PRECISIONS: Readonly<Record<PrecisionName, Omit<Precision, 'name'>>> = {
  fp32: { linear: gemmLinear },
  bf16: { linear: gemmLinear, half: 'bf16' },
  fp16: { linear: gemmLinear, half: 'fp16' },
  w8a8: { linear: gemmLinear, preparation: int8Preparation },
  w8: { linear: gemmLinear, preparation: int8BlocksPreparation },
  w4: { linear: gemmLinear, preparation: int4Preparation },
};

/**
 * The precision with this name; without a name, or with an empty one, the default precision. Throws AppError `invalid_parameter`
 * for an unknown name, with the list of all, and for one that the device has no arithmetic for, with what it runs.
 */
export function precisionNamed(name?: string, device: DeviceName = 'cpu'): Precision {
  const wanted = name === undefined || name === '' ? 'fp32' : parsePrecision(name);
  const obstacle = precisionObstacle(wanted, device);
  if (obstacle !== undefined) throw new AppError('invalid_parameter', obstacle);
  return { name: wanted, ...PRECISIONS[wanted] };
}

/** Tells apart what computes other numbers. */
export function precisionKey({ name, calibration }: Pick<Precision, 'name' | 'calibration'>): string {
  return calibration === undefined ? name : `${name} ${calibration}`;
}

/** Bytes that so many weights take in a precision, where they aren't as the checkpoint stores them. */
export function preparedBytes(precision: PrecisionName, weights: number): number {
  const { bytesPerWeight } = precisionFacts(precision);
  return bytesPerWeight === 'stored' ? 0 : weights * bytesPerWeight;
}
