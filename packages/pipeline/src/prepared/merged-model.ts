import type { ModelFolder } from '../hub/model-folder.ts';
import { mergedDigest, mergeLoras } from '../lora/merge-loras.ts';
import { openLora, targetsOf } from '../lora/read-lora.ts';
import type { LoraFile } from '../types.ts';
import { fileDigest } from '../weights/file-digest.ts';

/**
 * The same model with LoRAs in the weights of its transformer, as far as these are read, and with a digest of its own. Throws what openLora
 * throws.
 */
export async function mergedModel<M extends Pick<ModelFolder, 'digest' | 'transformer'>>(
  model: M,
  files: readonly LoraFile[],
): Promise<M> {
  if (files.length === 0) return model;
  const { config, weights } = model.transformer;
  const targets = targetsOf(weights);
  const loras = await Promise.all(
    files.map(async (file) => {
      const lora = await openLora(file, targets);
      return { lora, scale: file.scale, sha256: await fileDigest(file.path) };
    }),
  );
  return {
    ...model,
    digest: mergedDigest(model.digest, loras),
    transformer: { config, weights: mergeLoras(weights, loras) },
  };
}
