/** A graphics card, as the tool of its driver tells of it. */
export interface Card {
  /** As nvidia-smi counts, by the place on the PCI bus: the card's physical id. */
  readonly id: number;
  /** `GPU-…`; of a part of a card that MIG divides, `MIG-…`. */
  readonly uuid: string;
  readonly name: string;
  /** null: the tool does not tell, as of a card that has no memory of its own. */
  readonly totalBytes: number | null;
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** As `535.161.08`; null: not told. */
  readonly driver: string | null;
  /** As `9.0`; null: not told, as by drivers before 2021. */
  readonly computeCapability: string | null;
  /** MIG divides it: CUDA sees its parts, and not the card. */
  readonly isDivided: boolean;
  /** In the tool's own words, why the card cannot be used, as `GPU is lost`; null: nothing is known against it. */
  readonly fault: string | null;
}

/**
 * Why cards cannot be told, or not all of them. `no_driver`: there is neither tool nor driver. `no_tool`: there is a driver, and no tool
 * that tells of it, as in some containers. `no_cards`: the driver sees none. `driver_fault`: the driver does not work. `late`, `unreadable`: the tool
 * has not answered in time, or not in words that this version knows.
 */
type CardFaultKind = 'no_driver' | 'no_tool' | 'no_cards' | 'driver_fault' | 'late' | 'unreadable';

export interface CardFault {
  readonly kind: CardFaultKind;
  readonly message: string;
  /** What to do. */
  readonly remedy: string;
}

/** What a driver's tool says of all cards. Of those that can be told, `cards` has each, also if there is a fault. */
export interface CardReport {
  readonly cards: readonly Card[];
  readonly fault: CardFault | undefined;
}
