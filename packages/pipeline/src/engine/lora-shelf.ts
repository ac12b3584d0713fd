import { stat } from 'node:fs/promises';
import type { ScaledLora } from '../lora/combine-loras.ts';
import { type Lora, type LoraTargets, readLora } from '../lora/read-lora.ts';
import type { LoraFile } from '../types.ts';

/** LoRAs that were used last stay in memory up to this, so that an edit that uses them again reads no file. */
const KEPT_BYTES = 2 * 2 ** 30;

/** Reads LoRAs for one model, and keeps those that were used last. */
export interface LoraShelf {
  /** Throws what readLora throws. */
  read(files: readonly LoraFile[]): Promise<readonly ScaledLora[]>;
  /** Of all that it keeps. */
  readonly bytes: number;
}

export function createLoraShelf(targets: LoraTargets, keptBytes = KEPT_BYTES): LoraShelf {
  // In the order of their last use.
  const kept = new Map<string, Lora>();
  const take = async (file: LoraFile): Promise<Lora> => {
    const key = await keyOf(file.path);
    const lora = kept.get(key) ?? (await readLora(file, targets));
    kept.delete(key);
    kept.set(key, lora);
    return lora;
  };
  const total = (): number => [...kept.values()].reduce((sum, lora) => sum + lora.bytes, 0);
  const shrink = (used: ReadonlySet<Lora>): void => {
    let bytes = total();
    for (const [key, lora] of kept) {
      if (bytes <= keptBytes) return;
      if (used.has(lora)) continue;
      kept.delete(key);
      bytes -= lora.bytes;
    }
  };
  return {
    get bytes() {
      return total();
    },
    async read(files) {
      const loras: ScaledLora[] = [];
      for (const file of files) loras.push({ lora: await take(file), scale: file.scale });
      shrink(new Set(loras.map(({ lora }) => lora)));
      return loras;
    },
  };
}

/** A file that was replaced is another one. */
async function keyOf(path: string): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return [path, facts?.dev, facts?.ino, facts?.size, facts?.mtimeNs].join(' ');
}
