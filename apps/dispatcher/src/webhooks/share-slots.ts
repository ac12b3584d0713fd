import type { DueLane, Lane, Standing } from '@qwen-edit/db';

export interface SlotRules {
  /** Attempts under way at the same time, in all. */
  readonly slots: number;
  /** Attempts under way to one receiver. One that has not answered yet, or not the last time, gets one at a time. */
  readonly perReceiver: number;
  /** Slots to give at most. */
  readonly most: number;
}

export interface SlotShare {
  readonly lane: DueLane;
  readonly count: number;
}

/**
 * Which part of all slots may be in use for receivers of a standing or a worse one, in all and for one owner. Receivers that are
 * silent or slow hold a slot for long; however many there are, they leave some for those that are new, and for those that are known
 * to answer soon.
 */
const PARTS: Readonly<Record<Standing, { readonly all: number; readonly owner: number }>> = {
  quick: { all: 1, owner: 3 / 4 },
  new: { all: 3 / 4, owner: 1 / 2 },
  slow: { all: 1 / 2, owner: 3 / 8 },
  failing: { all: 1 / 4, owner: 1 / 8 },
};
const BETTER_FIRST = ['quick', 'new', 'slow', 'failing'] as const satisfies readonly Standing[];
const ONE_AT_A_TIME: ReadonlySet<Standing> = new Set(['new', 'failing']);

/** Nothing in a URL or an owner's name can be a zero byte. */
const keyOf = ({ owner, receiver }: Lane): string => `${owner}\0${receiver}`;

/**
 * Gives free slots to lanes: the next one always to the owner with the fewest attempts under way, and among its receivers to the
 * one with the fewest, in the order of `due` if that does not decide. `active` is what is under way.
 *
 * @example shareSlots(due, active, { slots: 16, perReceiver: 4, most: 16 }) // [{ lane: due[0], count: 2 }, …]
 */
export function shareSlots(due: readonly DueLane[], active: Iterable<DueLane>, rules: SlotRules): readonly SlotShare[] {
  const used = createTally();
  for (const lane of active) used.add(lane);
  const given = new Map<DueLane, number>();
  // A lane that may get nothing now gets nothing later in this call either: slots are only taken here.
  const free = (lane: DueLane): boolean => mayUse(lane, used, rules);
  let open = worthComparing(due.filter(free), used, rules.most);
  for (let n = 0; n < rules.most && open.length > 0; n++) {
    const next = open.reduce((best, lane) => (used.comesBefore(lane, best) ? lane : best));
    given.set(next, (given.get(next) ?? 0) + 1);
    used.add(next);
    open = open.filter(free);
  }
  return [...given].map(([lane, count]) => ({ lane, count }));
}

/**
 * Of very many lanes, those that can be among the next `most`: so many of each standing of the owners with the fewest attempts.
 * It keeps their order.
 */
function worthComparing(lanes: readonly DueLane[], used: Tally, most: number): readonly DueLane[] {
  if (lanes.length <= most) return lanes;
  const fewestFirst = lanes.toSorted(
    (a, b) => used.ofOwner(a.owner, 'quick') - used.ofOwner(b.owner, 'quick') || used.ofLane(a) - used.ofLane(b),
  );
  const owners = new Set<string>();
  const counts = new Map<string, number>();
  const kept = new Set<DueLane>();
  for (const lane of fewestFirst) {
    if (owners.size < most) owners.add(lane.owner);
    const group = `${lane.standing} ${lane.owner}`;
    const count = counts.get(group) ?? 0;
    if (!owners.has(lane.owner) || count === most) continue;
    counts.set(group, count + 1);
    kept.add(lane);
  }
  return lanes.filter((lane) => kept.has(lane));
}

function mayUse(lane: DueLane, used: Tally, { slots, perReceiver }: SlotRules): boolean {
  if (used.ofLane(lane) >= (ONE_AT_A_TIME.has(lane.standing) ? 1 : perReceiver)) return false;
  return standingsThatCount(lane).every((standing) => {
    const { all, owner } = PARTS[standing];
    return (
      used.of(standing) < Math.max(1, Math.floor(slots * all)) &&
      used.ofOwner(lane.owner, standing) < Math.max(1, Math.floor(slots * owner))
    );
  });
}

/** An attempt counts for its receiver's standing and for all better ones. */
const standingsThatCount = ({ standing }: DueLane): readonly Standing[] =>
  BETTER_FIRST.slice(0, BETTER_FIRST.indexOf(standing) + 1);

interface Tally {
  add(lane: DueLane): void;
  of(standing: Standing): number;
  ofOwner(owner: string, standing: Standing): number;
  ofLane(lane: Lane): number;
  /** True if the next slot is for `lane` rather than for `other`. */
  comesBefore(lane: DueLane, other: DueLane): boolean;
}

function createTally(): Tally {
  const counts = new Map<string, number>();
  const count = (...names: readonly string[]): number => counts.get(names.join('\0')) ?? 0;
  const raise = (...names: readonly string[]): unknown => counts.set(names.join('\0'), count(...names) + 1);
  const tally: Tally = {
    add(lane) {
      raise('lane', keyOf(lane));
      for (const standing of standingsThatCount(lane)) {
        raise('all', standing);
        raise('owner', standing, lane.owner);
      }
    },
    of: (standing) => count('all', standing),
    ofOwner: (owner, standing) => count('owner', standing, owner),
    ofLane: (lane) => count('lane', keyOf(lane)),
    comesBefore(lane, other) {
      const owners = tally.ofOwner(lane.owner, 'quick') - tally.ofOwner(other.owner, 'quick');
      return owners === 0 ? tally.ofLane(lane) < tally.ofLane(other) : owners < 0;
    },
  };
  return tally;
}
