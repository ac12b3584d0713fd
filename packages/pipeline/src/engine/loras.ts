import { combineLoras, type ScaledLora } from '../lora/combine-loras.ts';
import type { LoraFile, UsedLora } from '../types.ts';
import { createLoraShelf } from './lora-shelf.ts';
import type { Transformer } from './transformer.ts';

interface FixedLoras {
  /** Of every edit. */
  readonly fixed?: readonly LoraFile[] | undefined;
  /** Whether what they add to this layer is a part of its weights. */
  readonly isMerged: (layer: string) => boolean;
}

/** The LoRAs of a loaded model. */
interface Loras {
  /** See LoadedModel. */
  useLoras(files: readonly LoraFile[]): Promise<readonly UsedLora[]>;
}

/** Reads those of every edit. Throws what readLora throws. */
export async function loadLoras(
  transformer: Pick<Transformer, 'targets' | 'useBranches'>,
  { fixed: fixedFiles = [], isMerged }: FixedLoras,
): Promise<Loras> {
  const shelf = createLoraShelf(transformer.targets);
  const fixed = (await shelf.read(fixedFiles)).map((each) => apart(each, isMerged));
  return {
    async useLoras(files) {
      const wanted = [
        ...fixed,
        ...(await shelf.read(files)).map(({ lora, scale }) => ({ lora, scale, merged: false })),
      ];
      const key = wanted.map(({ lora: { sha256 }, scale }) => `${sha256}@${scale}`).join(' ');
      await transformer.useBranches(combineLoras(wanted), key);
      return wanted.map(({ lora: { file, sha256 }, scale, merged }, i) => {
        const { label } = [...fixedFiles, ...files][i]!;
        return { label, file, sha256, scale, merged };
      });
    },
  };
}

/** What of a LoRA is not a part of the weights already. */
function apart({ lora, scale }: ScaledLora, isMerged: (layer: string) => boolean): ScaledLora & { merged: boolean } {
  const layers = new Map([...lora.layers].filter(([name]) => !isMerged(name)));
  return { lora: { ...lora, layers }, scale, merged: layers.size < lora.layers.size };
}
