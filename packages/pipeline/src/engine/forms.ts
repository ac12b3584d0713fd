import { precisionFacts } from '@qwen-edit/contract';
import { halfAttention } from '../onnx/attention-half.ts';
import { cutLinear } from '../onnx/cut-linear.ts';
import type { GraphSource, RepeatedForms } from '../onnx/graph.ts';
import type { LinearForm } from '../onnx/linear.ts';
import { halfLinear } from '../onnx/linear-half.ts';
import type { HalfType } from '../onnx/number-types.ts';
import { type FindPrepared, withoutPrepacked } from '../onnx/prepared-layer.ts';
import type { Device } from './devices.ts';
import type { Precision } from './precision.ts';

/** Bytes of a weight that is computed with in fp32. */
const WIDENED = 4;

/** What forms of layers depend on. */
export interface FormChoice {
  readonly device: Pick<Device, 'attention' | 'halfAttention' | 'blockInputs' | 'largestWeight' | 'winograd'>;
  readonly precision: Precision;
  /** Weights in the form of the precision; without it, all are as the checkpoint stores them. */
  readonly prepared?: FindPrepared | undefined;
}

/** The forms of all layers, in a precision on a device. */
export function graphForms(choice: FormChoice): Omit<GraphSource, 'weights' | 'root'> {
  const { attention, winograd } = choice.device;
  return {
    linear: cut(choice.precision.linear, choice, WIDENED),
    attention,
    winograd,
    repeated: repeatedForms(choice),
  };
}

/** The form of linear layers over prepared weights: as they are stored, or as they are laid out for the processor. */
export function preparedLinear(
  { device, precision, prepared }: FormChoice,
  layout: 'plain' | 'prepacked',
): LinearForm | undefined {
  if (precision.preparation === undefined || prepared === undefined) return undefined;
  const find: FindPrepared = layout === 'prepacked' ? prepared : (layer) => withoutPrepacked(prepared(layer));
  return cut(precision.preparation.linear(find, device.blockInputs), { device }, bytesOf(precision));
}

function repeatedForms(choice: FormChoice): RepeatedForms {
  const { device, precision } = choice;
  const { half } = precision;
  const type = half ?? (precision.preparation === undefined ? undefined : halfOf(device));
  return {
    linear: half === undefined ? preparedLinear(choice, 'plain') : cut(halfLinear(half), choice, bytesOf(precision)),
    attention: type === undefined || !device.halfAttention ? undefined : halfAttention(device.attention, type),
  };
}

/** Numbers of 16 bits that a device computes with if the precision only says how weights are stored. */
function halfOf({ blockInputs }: FormChoice['device']): HalfType | undefined {
  return blockInputs === 'bf16' ? blockInputs : undefined;
}

/** Devices bind so many bytes at once. `bytesPerWeight`: in the memory of the device. */
function cut(form: LinearForm, { device }: Pick<FormChoice, 'device'>, bytesPerWeight: number): LinearForm {
  return cutLinear(form, { largest: device.largestWeight, bytesPerWeight });
}

function bytesOf({ name }: Precision): number {
  const { bytesPerWeight } = precisionFacts(name);
  return bytesPerWeight === 'stored' ? WIDENED : bytesPerWeight;
}
