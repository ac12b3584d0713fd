import {
  type AttemptResult,
  assignLanes,
  type BreakerRules,
  type Database,
  type DeliveryAttempt,
  type DueLane,
  type ReceiverSign,
  recordAttempt,
  type TakenDelivery,
  takeDeliveries,
} from '../../packages/db/src/index.ts';
import { HOUR } from './jobs.ts';

const BREAKER: BreakerRules = { failures: 3, firstMs: HOUR, maxMs: HOUR };

/** Takes deliveries as a dispatcher does: all that are due, or those of the lanes that a test chooses. */
export async function takeDue(
  database: Database,
  {
    lockMs = HOUR,
    count = 100,
    want = () => true,
  }: {
    readonly lockMs?: number;
    readonly count?: number;
    readonly want?: (lane: DueLane) => boolean;
  } = {},
): Promise<readonly TakenDelivery[]> {
  await assignLanes(database.db, 1000);
  const choose = (due: readonly DueLane[]) => due.filter(want).map((lane) => ({ lane, count }));
  return (await takeDeliveries(database, { choose, lockMs })).taken;
}

/** Records an attempt; a receiver that gave a status has answered. */
export const recordTry = (
  { db }: Database,
  id: string,
  attempt: DeliveryAttempt,
  result: AttemptResult,
  sign: ReceiverSign | undefined = { answered: attempt.status !== null, slow: false },
): Promise<boolean> => recordAttempt(db, id, attempt, result, { sign, breaker: BREAKER });
