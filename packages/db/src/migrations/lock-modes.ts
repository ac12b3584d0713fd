/** The modes of PostgreSQL's table locks, weakest first. Source: its documentation, "Explicit Locking", "Table-Level Locks". */
export const LOCK_MODES = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const;
export type LockMode = (typeof LOCK_MODES)[number];

/** What of others a lock keeps out. */
export type BlockedWork = 'nothing' | 'schema changes' | 'writes' | 'reads and writes';

const BLOCKS: Readonly<Record<LockMode, BlockedWork>> = {
  'ACCESS SHARE': 'nothing',
  'ROW SHARE': 'nothing',
  'ROW EXCLUSIVE': 'nothing',
  'SHARE UPDATE EXCLUSIVE': 'schema changes',
  SHARE: 'writes',
  'SHARE ROW EXCLUSIVE': 'writes',
  EXCLUSIVE: 'writes',
  'ACCESS EXCLUSIVE': 'reads and writes',
};

/** What a lock of this mode keeps the service from. Without a lock: nothing. */
export function blockedBy(mode: LockMode | undefined): BlockedWork {
  return mode === undefined ? 'nothing' : BLOCKS[mode];
}

/** The strongest of some; undefined of none. */
export function strongestOf(modes: readonly LockMode[]): LockMode | undefined {
  return [...LOCK_MODES].reverse().find((mode) => modes.includes(mode));
}

/** The mode that pg_locks calls `AccessExclusiveLock`. */
export function lockModeOf(name: string): LockMode | undefined {
  const words = name
    .replace(/Lock$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
  return LOCK_MODES.find((mode) => mode === words);
}
