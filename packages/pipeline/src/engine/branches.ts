import type { FloatArray } from '../arrays.ts';
import type { Branch } from '../lora/combine-loras.ts';
import { type LoraTargets, targetsOf } from '../lora/read-lora.ts';
import type { LinearForm } from '../onnx/linear.ts';
import { branchInput, lowRankLinear } from '../onnx/linear-low-rank.ts';
import type { Weights } from '../weights/weights.ts';

/** The branches of low rank that the layers of a network have now. */
export interface Branches {
  /** Layers that may have one. */
  readonly targets: LoraTargets;
  /** The same form with the branches, for graphs that are built after this. */
  wrap(form: LinearForm): LinearForm;
  /** By the names of the graphs' inputs. */
  readonly inputs: Readonly<Record<string, FloatArray>>;
  /** Tells apart what the layers compute that `isOne` is true for; empty if none of them has a branch. */
  keyOf(isOne: (layer: string) => boolean): string;
  /** Sets them. `key`: which ones they are. True if graphs that were built before lack an input, or have one too many. */
  set(branches: ReadonlyMap<string, Branch>, key: string): boolean;
}

/**
 * No branches at first. With `keepsGraphs`, a layer that once had one keeps its inputs, and gets a branch of zeros: right where graphs are
 * expensive to load, as on a card. Otherwise a network without LoRAs is again what it was before.
 */
export function createBranches(weights: Weights, keepsGraphs: boolean): Branches {
  const targets = targetsOf(weights);
  /** Layers whose graphs have the inputs. */
  let open: ReadonlySet<string> = new Set();
  let branches: ReadonlyMap<string, Branch> = new Map();
  let key = '';
  let inputs: Readonly<Record<string, FloatArray>> = {};
  return {
    targets,
    wrap: (form) => lowRankLinear(form, (layer) => open.has(layer)),
    get inputs() {
      return inputs;
    },
    keyOf: (isOne) => ([...branches.keys()].some(isOne) ? key : ''),
    set(wanted, wantedKey) {
      key = wantedKey;
      const before = open;
      open = new Set(keepsGraphs ? [...before, ...wanted.keys()] : wanted.keys());
      branches = wanted;
      inputs = Object.fromEntries(
        [...open].flatMap((name) => {
          const { down, up } = wanted.get(name) ?? zeros(targets.get(name) ?? [0, 0]);
          return [
            [branchInput(name, 'down'), down],
            [branchInput(name, 'up'), up],
          ];
        }),
      );
      return open.size !== before.size || [...open].some((name) => !before.has(name));
    },
  };
}

/** A branch that adds zero. Of rank 1: not every device computes with arrays of no elements. */
function zeros([n, k]: readonly [number, number]): Branch {
  return { down: { data: new Float32Array(k), dims: [1, k] }, up: { data: new Float32Array(n), dims: [n, 1] } };
}
