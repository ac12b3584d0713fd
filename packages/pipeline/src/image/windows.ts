import type { Grid } from '../arrays.ts';

/** How the vision tower's windowed attention orders the patches of one picture. */
interface WindowPlan {
  /** Merge unit (of merge² patches) at each place of the window order. */
  readonly order: Int32Array;
  /** The place in window order of each merge unit. */
  readonly reverse: BigInt64Array;
  readonly windows: number;
  /** Patches of the longest window. */
  readonly length: number;
  /** [windows · length] the patch, in window order, at each place of the padded windows; padding points at patch 0. */
  readonly gather: BigInt64Array;
  /** [patches] the place of each patch in the padded windows. */
  readonly scatter: BigInt64Array;
  /** [windows, 1, length, length] 0 for patches, very negative for padding. */
  readonly bias: Float32Array;
}

/** Larger than any logit, and far from overflow. */
const MASKED = -1e9;

/**
 * Windows of `side` × `side` merge units, row-major; those at the right and bottom edges are smaller. All windows
 * need one length, so that shorter ones are padded and the padding is masked. Source: get_vision_window_index.
 */
export function planWindows(grid: Grid, merge: number, side: number): WindowPlan {
  const rows = grid.rows / merge;
  const columns = grid.columns / merge;
  const unit = merge * merge;
  const members: number[][] = [];
  for (let top = 0; top < rows; top += side) {
    for (let left = 0; left < columns; left += side) {
      const window: number[] = [];
      for (let y = top; y < Math.min(top + side, rows); y++) {
        for (let x = left; x < Math.min(left + side, columns); x++) window.push(y * columns + x);
      }
      members.push(window);
    }
  }

  const order = Int32Array.from(members.flat());
  const reverse = new BigInt64Array(order.length);
  for (const [place, index] of order.entries()) reverse[index] = BigInt(place);

  const windows = members.length;
  const length = Math.max(...members.map((window) => window.length)) * unit;
  const gather = new BigInt64Array(windows * length);
  const scatter = new BigInt64Array(order.length * unit);
  const bias = new Float32Array(windows * length * length);
  let patch = 0;
  for (const [w, window] of members.entries()) {
    const size = window.length * unit;
    for (let i = 0; i < size; i++) {
      gather[w * length + i] = BigInt(patch);
      scatter[patch++] = BigInt(w * length + i);
    }
    for (let query = 0; query < length; query++)
      bias.fill(MASKED, (w * length + query) * length + size, (w * length + query + 1) * length);
  }
  return { order, reverse, windows, length, gather, scatter, bias };
}

/** Rows of `size` numbers, `unit` rows a merge unit, put into window order. */
export function toWindowOrder(rows: Float32Array, order: Int32Array, unit: number, size: number): Float32Array {
  const out = new Float32Array(rows.length);
  const chunk = unit * size;
  for (const [place, index] of order.entries())
    out.set(rows.subarray(index * chunk, (index + 1) * chunk), place * chunk);
  return out;
}
