import {
  type CostParameters,
  costOf,
  type EditParametersInput,
  type MachineFacts,
  parseEditParameters,
  type Size,
} from '@qwen-edit/contract';
import { estimateEdit, type ModelFacts, storedSize } from '@qwen-edit/pipeline';

/** What the cost of an edit depends on. */
export interface KnownCost {
  readonly pictures: readonly Size[];
  readonly parameters: CostParameters;
}

/** undefined for pictures and parameters that something is wrong with: the edit itself tells what. */
export function knownCost(images: readonly Uint8Array[], parameters: EditParametersInput): KnownCost | undefined {
  const pictures = images.map(storedSize).filter((size) => size !== undefined);
  if (pictures.length < images.length) return undefined;
  try {
    return { pictures, parameters: costOf(parseEditParameters(parameters)) };
  } catch {
    return undefined;
  }
}

/**
 * What should be said before an edit begins: that it takes hours on this processor and a draft much less, that its model does not stay
 * in memory. Nothing for an edit that is quick, or of which too little is known.
 */
export function costNotes(model: ModelFacts, cost: KnownCost | undefined, machine: MachineFacts): readonly string[] {
  if (model.shape === undefined || cost === undefined) return [];
  try {
    return estimateEdit({ ...model, machine }, cost.pictures, cost.parameters).warnings;
  } catch {
    // What is wrong with the edit is told by the edit itself.
    return [];
  }
}
