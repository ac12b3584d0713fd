import type { SelfTestFigure } from '../types.ts';
import { cosine, signalDecibels } from './decibels.ts';

/** Compares what a device gives with what fp32 on the processor has given. */
export function figureOf(
  { name, what, bound }: Pick<SelfTestFigure, 'name' | 'what' | 'bound'>,
  value: ArrayLike<number>,
  golden: ArrayLike<number>,
): SelfTestFigure {
  const decibels = signalDecibels(value, golden);
  return { name, what, decibels, cosine: cosine(value, golden), bound, ok: decibels >= bound };
}

/** A figure as errors tell it: `Softmax, 12 heads of 40 tokens: 15.2 dB, 80 needed`. */
export function figureText({ name, what, decibels, bound, error }: SelfTestFigure): string {
  return `${name}, ${what}: ${error ?? `${decibels.toFixed(1)} dB, ${bound} needed`}`;
}
