import { combineLoras, type ScaledLora } from '../lora/combine-loras.ts';
import { openLora, readLora } from '../lora/read-lora.ts';
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
  /** Bytes of all LoRAs in memory: those in use, and others that were used last. */
  bytes(): number;
}

/** A LoRA in use: what of it is not a part of the weights already. */
interface Use extends ScaledLora {
  readonly label: string;
  readonly merged: boolean;
}

/** Reads those of every edit. Throws what readLora throws. */
export async function loadLoras(
  transformer: Pick<Transformer, 'targets' | 'useBranches' | 'branchBytes'>,
  { fixed: files = [], isMerged }: FixedLoras,
): Promise<Loras> {
  const { targets } = transformer;
  const shelf = createLoraShelf(targets);
  const fixed: Use[] = [];
  for (const file of files) {
    const { layers } = await openLora(file, targets);
    const lora = await readLora(file, targets, (layer) => !isMerged(layer));
    fixed.push({ label: file.label, lora, scale: file.scale, merged: [...layers.keys()].some(isMerged) });
  }
  const ofFixed = fixed.reduce((sum, { lora }) => sum + lora.bytes, 0);
  let active: readonly Use[] = fixed;
  return {
    async useLoras(asked) {
      const read = await shelf.read(asked);
      active = [...fixed, ...read.map((each, i) => ({ ...each, label: asked[i]!.label, merged: false }))];
      const key = active.map(({ lora: { sha256 }, scale }) => `${sha256}@${scale}`).join(' ');
      await transformer.useBranches(combineLoras(active), key);
      return active.map(({ label, lora: { file, sha256 }, scale, merged }) => ({ label, file, sha256, scale, merged }));
    },
    // Branches of one LoRA are its own matrices, but for a scaled copy of the smaller ones.
    bytes: () => ofFixed + shelf.bytes + (active.length > 1 ? transformer.branchBytes : 0),
  };
}
