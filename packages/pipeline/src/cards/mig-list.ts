import type { Card } from './card.ts';

const GIB = 2 ** 30;
const WHOLE = /^GPU (\d+): (.+?) \(UUID: (GPU-[\w-]+)\)/;
/** `MIG 1g.18gb Device 0: (UUID: MIG-…)`; a profile's name says how much memory it has, as in `1c.2g.20gb+me`. */
const PART = /^\s+MIG (\S*?(\d+)gb\S*)\s+Device\s+\d+:\s+\(UUID: (MIG-[\w/-]+)\)/;

/**
 * The parts into which MIG divides cards, as `nvidia-smi -L` lists them. How much memory of one is free the tool does not say.
 * Source: NVIDIA, MIG User Guide, Device Enumeration.
 */
export function readMigList(text: string, cards: readonly Card[]): readonly Card[] {
  let whole: Card | undefined;
  return text.split(/\r?\n/).flatMap((line): Card[] => {
    const [, id] = WHOLE.exec(line) ?? [];
    if (id !== undefined) whole = cards.find((card) => card.id === Number(id));
    const [, profile, size, uuid] = PART.exec(line) ?? [];
    if (whole === undefined || uuid === undefined) return [];
    const name = `${whole.name} MIG ${profile}`;
    const totalBytes = Number(size) * GIB;
    return [{ ...whole, uuid, name, totalBytes, usedBytes: null, freeBytes: null, isDivided: false }];
  });
}
