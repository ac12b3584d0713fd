import { costOf, type EditParametersInput, parseEditParameters } from '@qwen-edit/contract';
import { availableMemory, estimateEdit, type ModelFacts, storedSize } from '@qwen-edit/pipeline';

/**
 * What should be said before an edit begins: that it takes hours on this processor and a draft much less, that its model does not stay
 * in memory. Nothing for an edit that is quick, or of which too little is known.
 */
export async function costNotes(
  model: ModelFacts,
  images: readonly Uint8Array[],
  parameters: EditParametersInput,
  threads: number,
): Promise<readonly string[]> {
  const pictures = images.map(storedSize).filter((size) => size !== undefined);
  if (model.shape === undefined || pictures.length < images.length) return [];
  const machine = { memory_bytes: (await availableMemory()).totalBytes, threads };
  try {
    return estimateEdit({ ...model, machine }, pictures, costOf(parseEditParameters(parameters))).warnings;
  } catch {
    // What is wrong with the edit is told by the edit itself.
    return [];
  }
}
