import type { Graph, Value } from './graph.ts';
import { add, concat } from './layers.ts';
import type { LinearForm, LinearLayer } from './linear.ts';

/**
 * The same layers, with weights of at most `largest` bytes in one piece: those that have more are cut along their outputs. Devices bind
 * a limited number of bytes at once. `bytesPerWeight`: in the memory of the device.
 */
export function cutLinear(form: LinearForm, { largest, bytesPerWeight }: CutRules): LinearForm {
  if (largest === Number.POSITIVE_INFINITY) return form;
  return (g, x, layer) => {
    const { n, k, bias, name } = layer;
    const most = Math.max(1, Math.floor(largest / (k * bytesPerWeight)));
    if (n <= most) return form(g, x, layer);
    const size = Math.ceil(n / Math.ceil(n / most));
    const parts: Value[] = [];
    for (let first = 0; first < n; first += size) parts.push(form(g, x, partOf(layer, first, size)));
    const whole = concat(g, parts, 1);
    return bias ? add(g, whole, biasOf(g, name, n)) : whole;
  };
}

export interface CutRules {
  readonly largest: number;
  readonly bytesPerWeight: number;
}

function partOf(layer: LinearLayer, first: number, size: number): LinearLayer {
  const { n } = layer;
  return { ...layer, n: Math.min(size, n - first), bias: false, rows: { first, total: n } };
}

const biasOf = (g: Graph, name: string, n: number): Value => g.weight(`${name}.bias`, [n]);
