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
  /** Bytes of those that add something. */
  readonly bytes: number;
  /** Tells apart what the layers compute that `isOne` is true for; empty if none of them has a branch. */
  keyOf(isOne: (layer: string) => boolean): string;
  /** Sets them. `key`: which ones they are. True if graphs that were built before lack an input, or have one too many. */
  set(branches: ReadonlyMap<string, Branch>, key: string): boolean;
}

/**
 * No branches at first. With `keepsGraphs` layers keep the inputs that they once had, with zeros where there is nothing to add, and the first
 * LoRA for the blocks gives them to every layer, since the next one may change others: right where graphs are expensive to load, as on a card. Otherwise a network without LoRAs is again what it was before.
 */
export function createBranches(weights: Weights, keepsGraphs: boolean): Branches {
  const targets = targetsOf(weights);
  const grown = (before: ReadonlySet<string>, wanted: ReadonlyMap<string, Branch>): ReadonlySet<string> =>
    new Set([...before, ...([...wanted.keys()].some(isInBlock) ? targets : wanted).keys()]);
  /** Layers whose graphs have the inputs. */
  let open: ReadonlySet<string> = new Set();
  let branches: ReadonlyMap<string, Branch> = new Map();
  const zeroBranch = zeroBranches(targets);
  let key = '';
  let inputs: Readonly<Record<string, FloatArray>> = {};
  return {
    targets,
    wrap: (form) => lowRankLinear(form, (layer) => open.has(layer)),
    get inputs() {
      return inputs;
    },
    get bytes() {
      const arrays = [...branches.values()].flatMap(({ down, up }) => [down, up]);
      return arrays.reduce((sum, { data }) => sum + data.byteLength, 0);
    },
    keyOf: (isOne) => ([...branches.keys()].some(isOne) ? key : ''),
    set(wanted, wantedKey) {
      key = wantedKey;
      const before = open;
      open = keepsGraphs ? grown(before, wanted) : new Set(wanted.keys());
      branches = wanted;
      inputs = Object.fromEntries(
        [...open].flatMap((name) => {
          const { down, up } = wanted.get(name) ?? zeroBranch(name);
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

/** A layer of the blocks whose graphs are kept: not one that modulations are computed with. */
const isInBlock = (layer: string): boolean => /^transformer_blocks\.\d+\.(?:attn|img_mlp|txt_mlp)\./.test(layer);

/**
 * Branches that add zero, over the same zeros for all layers. Of rank 1: not every device computes with arrays of no elements.
 */
function zeroBranches(targets: LoraTargets): (layer: string) => Branch {
  let zeros: Float32Array | undefined;
  return (layer) => {
    const [n, k] = targets.get(layer) ?? [0, 0];
    zeros ??= new Float32Array(Math.max(...[...targets.values()].flat()));
    return { down: { data: zeros.subarray(0, k), dims: [1, k] }, up: { data: zeros.subarray(0, n), dims: [n, 1] } };
  };
}
