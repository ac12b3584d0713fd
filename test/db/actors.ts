import * as fc from 'fast-check';
import { AppError } from '../../packages/contract/src/index.ts';
import {
  cancelRunningJob,
  claimJob,
  createQueueTable,
  type Database,
  deleteJob,
  deleteOldJob,
  deleteUnusedAssets,
  expireJobs,
  failJob,
  heartbeat,
  judgeDeadLetter,
  type Lease,
  markSent,
  newToken,
  readJob,
  readOrder,
  reapLeases,
  recordProgress,
  releaseJob,
  requestCancel,
  resendQueued,
  retryJob,
  returnToOutbox,
  submitJob,
  succeedJob,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { ERROR, expireLease, HOUR, newJob, OWNER, PLAIN, RELAYED, resultOf, storeInput } from './jobs.ts';

/** What an actor was told to have done to a job. */
export interface Told {
  readonly jobId: string;
  readonly what: 'accepted' | 'claimed' | 'succeeded' | 'failed' | 'canceled' | 'expired' | 'deleted';
  /** The lease that it was done with, or that was got. */
  readonly token?: string;
  readonly attempt?: number;
}

/** What all actors share: they know of all jobs, and of each other's leases, lost ones included. */
export interface Stage {
  readonly database: Database;
  readonly jobs: string[];
  readonly leases: Lease[];
  readonly told: Told[];
}

/** Numbers that choose a job, a lease and the rest of an act; the same ones choose the same in a repetition. */
interface Choice {
  readonly job: number;
  readonly lease: number;
  readonly flag: boolean;
  readonly n: number;
}
type Act = (stage: Stage, choice: Choice) => Promise<unknown>;

/** Mostly the newest: they are the ones that others act on at this moment. */
const pick = <T>(all: readonly T[], n: number): T | undefined =>
  all.length === 0 ? undefined : all.at(-1 - (n % Math.min(all.length, 6)));

const withJob = (act: (stage: Stage, id: string, choice: Choice) => Promise<unknown>): Act => {
  return async (stage, choice) => {
    const id = pick(stage.jobs, choice.job);
    if (id !== undefined) await act(stage, id, choice);
  };
};
const withLease = (act: (stage: Stage, lease: Lease, choice: Choice) => Promise<Told['what'] | undefined>): Act => {
  return async (stage, choice) => {
    const lease = pick(stage.leases, choice.lease);
    if (lease === undefined) return worker.receive?.(stage, choice);
    const what = await act(stage, lease, choice);
    if (what !== undefined) stage.told.push({ jobId: lease.jobId, token: lease.token, what });
  };
};
const tell = (stage: Stage, what: Told['what'], ids: readonly string[]): void => {
  stage.told.push(...ids.map((jobId) => ({ jobId, what })));
};

const submitter: Record<string, Act> = {
  async submit(stage, { flag, n, job }) {
    const inputs = [];
    for (let each = 0; each < n % 3; each++) inputs.push(await storeInput(stage.database, `${(job + each) % 3}`));
    const added = newJob({
      inputs: flag ? inputs : inputs.reverse(),
      webhookUrl: flag ? 'https://example.com' : undefined,
      maxAttempts: 1 + (n % 3),
      deadline: n % 4 === 0 ? new Date(Date.now() + HOUR).toISOString() : undefined,
    });
    try {
      if (
        !(await submitJob(stage.database, added, {
          ...(n % 2 === 0 ? PLAIN : RELAYED),
          maxQueue: flag ? 8 : undefined,
        }))
      )
        return;
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'queue_full') return;
      throw thrown;
    }
    stage.jobs.push(added.id);
    tell(stage, 'accepted', [added.id]);
  },
};

const claim = async ({ database, leases, told }: Stage, id: string): Promise<void> => {
  const token = newToken();
  const result = await claimJob(database.db, id, { token, workerId: token, leaseMs: HOUR });
  if (result.outcome !== 'claimed') return;
  leases.push(result.job.lease);
  told.push({ jobId: id, what: 'claimed', token, attempt: result.job.attempt });
};

const worker: Record<string, Act> = {
  claim: withJob(claim),
  async receive(stage, { n, flag }) {
    const queue = createQueueTable(stage.database.db);
    for (const message of await queue.take({ max: 1 + (n % 2), hideMs: n })) {
      await claim(stage, message.jobId);
      // As who lost sight of its job does: what it says of an old message must not hide the job for ever.
      if (flag) await queue.hide(message, undefined);
    }
  },
  heartbeat: withLease(async ({ database }, lease) => void (await heartbeat(database.db, lease, HOUR))),
  look: withLease(async ({ database }, lease) => void (await readOrder(database.db, lease))),
  progress: withLease(
    async ({ database }, lease, { n }) =>
      void (await recordProgress(database.db, lease, { stage: 'denoise', step: n, total: 9 })),
  ),
  succeed: withLease(async ({ database }, lease, { n }) =>
    (await succeedJob(database.db, lease, resultOf(lease, 1 + (n % 2)))) ? 'succeeded' : undefined,
  ),
  fail: withLease(async ({ database }, lease) => ((await failJob(database.db, lease, ERROR)) ? 'failed' : undefined)),
  stop: withLease(async ({ database }, lease) =>
    (await cancelRunningJob(database.db, lease)) ? 'canceled' : undefined,
  ),
  retry: withLease(async ({ database }, lease, { flag }) => {
    const outcome = await retryJob(database.db, lease, { error: ERROR, delayMs: flag ? 0 : 20 });
    return outcome === 'lost' || outcome === 'queued' ? undefined : outcome;
  }),
  release: withLease(async ({ database }, lease) =>
    (await releaseJob(database.db, lease)) === 'canceled' ? 'canceled' : undefined,
  ),
};

const caller: Record<string, Act> = {
  cancel: withJob(async ({ database }, id) => void (await requestCancel(database.db, { owner: OWNER, id }))),
  read: withJob(async ({ database }, id) => void (await readJob(database.db, { owner: OWNER, id }))),
  delete: withJob(async (stage, id) => {
    try {
      if ((await deleteJob(stage.database, { owner: OWNER, id })) !== undefined) tell(stage, 'deleted', [id]);
    } catch (thrown) {
      if (!(thrown instanceof AppError && thrown.code === 'job_state')) throw thrown;
    }
  }),
};

const time: Record<string, Act> = {
  loseLease: withJob(({ database }, id) => expireLease(database, id)),
  passDeadline: withJob(({ database }, id) =>
    database.pool.query(
      `update jobs set deadline_at = now() where id = $1 and deadline_at is not null and status in ('queued', 'running')`,
      [id],
    ),
  ),
};

const dispatcher: Record<string, Act> = {
  async reap(stage) {
    const { failed, canceled } = await reapLeases(stage.database.db, ERROR);
    tell(stage, 'failed', failed);
    tell(stage, 'canceled', canceled);
  },
  async expire(stage) {
    tell(stage, 'expired', await expireJobs(stage.database.db, ERROR));
  },
  judge: withJob(async (stage, id) => {
    const verdict = await judgeDeadLetter(stage.database.db, id, { maxRedrives: 2, error: ERROR });
    if (verdict === 'failed') tell(stage, 'failed', [id]);
  }),
  async relay({ database }, { n, flag }) {
    const rows = await takeOutbox(database.db, 1 + n, flag ? HOUR : 0);
    await (n % 3 === 0 ? returnToOutbox(database.db, rows, 0) : markSent(database.db, rows));
  },
  resend: ({ database }) => resendQueued(database.db, 0, 10),
  send: withJob(({ database }, id) => createQueueTable(database.db).send([id])),
  sweep: ({ database }) => deleteUnusedAssets(database.db, 0, 10),
  retain: ({ database }) => deleteOldJob(database, n0),
};
/** Retention that takes no job here: pending webhooks and the age keep them. */
const n0 = HOUR;

/** Who acts, and what each may do; an act that stands twice is done twice as often. */
const ROLES: readonly (readonly Act[])[] = [
  [...Object.values(submitter), ...Object.values(caller)],
  Object.values(worker),
  Object.values(worker),
  Object.values(worker),
  [...Object.values(caller), ...Object.values(time)],
  [...Object.values(dispatcher), ...Object.values(time)],
  Object.values(dispatcher),
];

type Script = readonly { readonly act: Act; readonly choice: Choice }[];

const small = fc.nat({ max: 9 });
const choices = fc.record({ job: small, lease: small, flag: fc.boolean(), n: small });

/** What each actor will do, in order. */
export const scripts: fc.Arbitrary<readonly Script[]> = fc.tuple(
  ...ROLES.map((acts) =>
    fc.array(fc.record({ act: fc.constantFrom(...acts), choice: choices }), {
      minLength: 12,
      maxLength: 24,
      size: 'max',
    }),
  ),
);

/** Every actor goes through its script, all at once. `tolerate` decides on what an act throws. */
export async function perform(
  stage: Stage,
  all: readonly Script[],
  tolerate: (thrown: unknown) => boolean,
): Promise<void> {
  await Promise.all(
    all.map(async (script) => {
      for (const { act, choice } of script) {
        await act(stage, choice).catch((thrown: unknown) => {
          if (!tolerate(thrown)) throw thrown;
        });
      }
    }),
  );
}

export const seedJob = (stage: Stage, n: number) => submitter.submit!(stage, { job: n, lease: 0, flag: n % 2 === 0, n });
