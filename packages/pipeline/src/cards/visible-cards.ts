import type { Card } from './card.ts';

/** Cards as CUDA counts them: the first is `cuda:0`. */
interface VisibleCards {
  readonly cards: readonly Card[];
  /** In words, why CUDA_VISIBLE_DEVICES leaves fewer cards than it names. */
  readonly cut: string | undefined;
}

/**
 * The cards that CUDA_VISIBLE_DEVICES leaves, in its order, as a process with CUDA_DEVICE_ORDER=PCI_BUS_ID sees them. Unset: all; empty
 * or -1: none. An entry is an index, a UUID (`GPU-…`, `MIG-…`) or its beginning; one that names no card ends the list, and one that comes
 * twice empties it. Of cards that MIG divides a process sees one part, and then nothing else.
 * Source: CUDA C++ Programming Guide, CUDA Environment Variables; torch.cuda._parse_visible_devices.
 *
 * @example
 * visibleCards(fourCards, '2,3').cards[0] // the card with id 2, which is cuda:0
 */
export function visibleCards(cards: readonly Card[], setting: string | undefined): VisibleCards {
  if (setting === undefined) return { cards: oneIfDivided(byPlace(cards)), cut: undefined };
  const entries = setting.trim() === '' ? [] : setting.split(',').map((entry) => entry.trim());
  const seen: Card[] = [];
  for (const entry of entries) {
    const found = cardNamed(entry, cards, seen.length === 0 ? undefined : entries[0]);
    if (found === undefined) {
      const isEnd = /^-\d+$/.test(entry);
      return { cards: oneIfDivided(seen), cut: isEnd ? undefined : cutAt(entry, cards) };
    }
    if (seen.includes(found)) return { cards: [], cut: `${JSON.stringify(entry)} names a card that is named before.` };
    seen.push(found);
  }
  return { cards: oneIfDivided(seen), cut: undefined };
}

/** A list of UUIDs holds UUIDs only, and a list of indices indices. */
function cardNamed(entry: string, cards: readonly Card[], first: string | undefined): Card | undefined {
  const kind = kindOf(entry);
  if (first !== undefined && kindOf(first) !== kind) return undefined;
  if (kind !== 'index') {
    const found = cards.filter(({ uuid, isDivided }) => !isDivided && uuid.startsWith(entry));
    return found.length === 1 ? found[0] : undefined;
  }
  // CUDA reads the digits that an entry begins with.
  const [digits] = /^\+?\d+/.exec(entry) ?? [];
  return digits === undefined ? undefined : byPlace(cards)[Number(digits)];
}

const kindOf = (entry: string): string => /^(GPU|MIG)-/.exec(entry)?.[1] ?? 'index';

/** A card that is divided is there by its first part, or not at all. */
function byPlace(cards: readonly Card[]): readonly Card[] {
  const ids = [...new Set(cards.map(({ id }) => id))].sort((a, b) => a - b);
  return ids.flatMap((id) => cards.find((card) => card.id === id && !card.isDivided) ?? []);
}

const oneIfDivided = (cards: readonly Card[]): readonly Card[] => {
  const part = cards.find(({ uuid }) => uuid.startsWith('MIG-'));
  return part === undefined ? cards : [part];
};

function cutAt(entry: string, cards: readonly Card[]): string {
  const named = byPlace(cards).map(({ id, name }) => `${id} (${name})`);
  const there = named.length === 0 ? 'there is no card' : `there is ${named.join(', ')}`;
  return `${JSON.stringify(entry)} names no card; ${there}.`;
}

/** The physical id that an entry of CUDA_VISIBLE_DEVICES says, for a machine whose cards cannot be told; null if it says none. */
export function saidCardId(index: number, setting: string | undefined): number | null {
  if (setting === undefined) return index;
  const entry = setting.split(',')[index]?.trim() ?? '';
  return /^\d+$/.test(entry) ? Number(entry) : null;
}
