import { timeLimit } from '@qwen-edit/async';
import { claimKey, type KeyClaim, newToken, releaseKey, renewKey } from '@qwen-edit/db';
import { describeError } from '../describe-error.ts';
import type { Services } from '../services.ts';

/** A claim on an Idempotency-Key. The transaction that accepts the job completes it. */
export interface KeyHold {
  readonly key: string;
  readonly token: string;
}

/** A claim that lasts while its request is worked on. */
export interface RenewedHold extends KeyHold {
  /** The request has made its job: nothing is left to hold. */
  stop(): void;
  /** The request has made no job: the key is free at once, if the database answers. Never rejects. */
  release(): Promise<void>;
}

export type HoldOutcome =
  | Exclude<KeyClaim, { outcome: 'mine' }>
  | { readonly outcome: 'mine'; readonly hold: RenewedHold };

/** So many renewals may fail or come late before another request may take the key over. */
const RENEWALS = 4;
const RELEASE_MS = 1000;

/**
 * Claims an Idempotency-Key for a short time, and renews the claim as long as this process works on the request. So the key of a
 * process that was killed is free within `idempotencyHoldMs`. If another request takes the key over from one that was only
 * stalled, the stalled one's commit fails: the claim's token is checked in it.
 */
export async function holdKey(
  { database: { db }, limits, log }: Pick<Services, 'database' | 'limits' | 'log'>,
  owner: string,
  key: string,
  requestHash: string,
): Promise<HoldOutcome> {
  const token = newToken();
  const holdMs = limits.idempotencyHoldMs;
  const claim = await claimKey(db, { owner, key }, { token, requestHash, holdMs });
  if (claim.outcome !== 'mine') return claim;

  let renewing = false;
  const renew = async (): Promise<void> => {
    // One that hangs must not gather others behind it.
    if (renewing) return;
    renewing = true;
    await renewKey(db, { owner, key }, { token, holdMs }).catch(() => false);
    renewing = false;
  };
  const timer = setInterval(renew, holdMs / RENEWALS);
  timer.unref();
  return {
    outcome: 'mine',
    hold: {
      key,
      token,
      stop: () => clearInterval(timer),
      async release() {
        clearInterval(timer);
        // A database that is away must not hold up the answer: the claim ends by itself.
        const release = (): Promise<void> => releaseKey(db, { owner, key }, token);
        await timeLimit(release, { ms: RELEASE_MS, late: 'database_unavailable' }).catch((failure: unknown) => {
          log.warn({ errors: describeError(failure) }, 'an Idempotency-Key stays claimed for a while');
        });
      },
    },
  };
}
