import * as fc from 'fast-check';
import {
  cancelRunningJob,
  claimJob,
  createQueueTable,
  type Database,
  deleteJob,
  deleteUnusedAssets,
  expireJobs,
  failJob,
  handleDeadLetter,
  heartbeat,
  type Lease,
  listJobs,
  markSent,
  newToken,
  readJob,
  readLeaseState,
  reapLeases,
  recordProgress,
  releaseJob,
  requestCancel,
  resendQueued,
  retryJob,
  returnLostLease,
  returnToOutbox,
  submitJob,
  succeedJob,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { ERROR, expireLease, HOUR, newJob, OWNER, PLAIN, RELAYED, storeTestInput, successOf } from './jobs.ts';

/** What an actor was told that it has done to a job. */
export interface Told {
  readonly jobId: string;
  readonly what: 'accepted' | 'claimed' | 'succeeded' | 'failed' | 'canceled' | 'expired' | 'deleted';
  /** The lease that it was done with, or that was got. */
  readonly token?: string;
  readonly attempt?: number;
}

/** What all actors share: they know of all jobs, and of each other's leases, lost ones included. */
export interface SharedState {
  readonly database: Database;
  readonly jobs: string[];
  readonly leases: Lease[];
  readonly told: Told[];
}

/** Numbers that choose a job, a lease and the rest of an act. */
interface Choice {
  readonly job: number;
  readonly lease: number;
  readonly flag: boolean;
  readonly n: number;
}
type Act = (stage: SharedState, choice: Choice) => Promise<unknown>;
export type ActorScript = readonly { readonly name: string; readonly choice: Choice }[];

/** Of the newest: they are the ones that others act on at this moment. */
const pick = <T>(items: readonly T[], n: number): T | undefined => items.at(-1 - (n % Math.min(items.length, 5)));

const onJob = (act: (stage: SharedState, id: string, choice: Choice) => Promise<unknown>): Act => {
  return async (stage, choice) => act(stage, pick(stage.jobs, choice.job) ?? 'job_none', choice);
};
/** `act` tells what has become of the job by it, if anything has. */
const onLease = (act: (stage: SharedState, lease: Lease, choice: Choice) => Promise<Told['what'] | undefined>): Act => {
  return async (stage, choice) => {
    const lease = pick(stage.leases, choice.lease);
    if (lease === undefined) return receive(stage, choice);
    const what = await act(stage, lease, choice);
    if (what !== undefined) stage.told.push({ jobId: lease.jobId, token: lease.token, what });
  };
};
const tell = (stage: SharedState, what: Told['what'], ids: readonly string[]): void => {
  stage.told.push(...ids.map((jobId) => ({ jobId, what })));
};
const codeOf = (thrown: unknown): unknown => (thrown instanceof Error && 'code' in thrown ? thrown.code : undefined);

export async function submitAct(stage: SharedState, { flag, n, job }: Choice): Promise<void> {
  const inputs: string[] = [];
  for (let each = 0; each < n % 3; each++) inputs.push(await storeTestInput(stage.database, `${(job + each) % 3}`));
  const added = newJob({
    inputs,
    webhookUrl: flag ? 'https://example.com' : undefined,
    maxAttempts: 1 + (n % 5),
    deadline: n % 4 === 0 ? new Date(Date.now() + HOUR).toISOString() : undefined,
  });
  const options = { ...(n % 2 === 0 ? PLAIN : RELAYED), maxQueue: flag ? 8 : undefined };
  const done = await submitJob(stage.database, added, options).catch((thrown: unknown) => {
    if (codeOf(thrown) === 'queue_full') return false;
    throw thrown;
  });
  if (!done) return;
  stage.jobs.push(added.id);
  tell(stage, 'accepted', [added.id]);
}

export async function claimAct({ database, leases, told }: SharedState, id: string): Promise<Lease | undefined> {
  const token = newToken();
  const result = await claimJob(database.db, id, { token, workerId: token, leaseMs: HOUR });
  if (result.outcome !== 'claimed') return undefined;
  leases.push(result.job.lease);
  told.push({ jobId: id, what: 'claimed', token, attempt: result.job.attempt });
  return result.job.lease;
}

async function receive(stage: SharedState, { n, flag }: Choice): Promise<void> {
  const queue = createQueueTable(stage.database.db);
  for (const message of await queue.take({ max: 1 + (n % 2), hideMs: n })) {
    await claimAct(stage, message.jobId);
    // As a worker does that takes its lost job for done: what is said of an old message must not hide the job for ever.
    if (flag) await queue.hide(message, undefined);
  }
}

const ACTS = {
  submit: submitAct,
  receive,
  claim: onJob(claimAct),
  heartbeat: onLease(async ({ database }, lease) => void (await heartbeat(database.db, lease, HOUR))),
  look: onLease(async ({ database }, lease) => void (await readLeaseState(database.db, lease))),
  progress: onLease(async ({ database }, lease, { n }) => {
    await recordProgress(database.db, lease, { stage: 'denoise', step: n, total: 9 });
    return undefined;
  }),
  succeed: onLease(async ({ database }, lease, { n }) =>
    (await succeedJob(database.db, lease, successOf(lease, 1 + (n % 2)))) ? 'succeeded' : undefined,
  ),
  fail: onLease(async ({ database }, lease) => ((await failJob(database.db, lease, ERROR)) ? 'failed' : undefined)),
  stop: onLease(async ({ database }, lease) => ((await cancelRunningJob(database.db, lease)) ? 'canceled' : undefined)),
  retry: onLease(async ({ database }, lease, { flag }) => {
    const outcome = await retryJob(database.db, lease, { error: ERROR, delayMs: flag ? 0 : 20 });
    return outcome === 'lost' || outcome === 'queued' ? undefined : outcome;
  }),
  release: onLease(async ({ database }, lease) =>
    (await releaseJob(database.db, lease)) === 'canceled' ? 'canceled' : undefined,
  ),
  returnLost: onLease(async ({ database }, lease) =>
    (await returnLostLease(database.db, lease)) === 'canceled' ? 'canceled' : undefined,
  ),
  cancel: onJob(({ database }, id) => requestCancel(database.db, { owner: OWNER, id })),
  read: onJob(({ database }, id) => readJob(database.db, { owner: OWNER, id })),
  list: ({ database }) => listJobs(database.db, { owner: OWNER, limit: 10 }),
  delete: onJob(async (stage, id) => {
    const keys = await deleteJob(stage.database, { owner: OWNER, id }).catch((thrown: unknown) => {
      if (codeOf(thrown) !== 'job_state') throw thrown;
    });
    if (keys !== undefined) tell(stage, 'deleted', [id]);
  }),
  loseLease: ({ database, leases }, { lease }) => expireLease(database, pick(leases, lease)?.jobId ?? 'job_none'),
  passDeadline: onJob(({ database }, id) =>
    database.pool.query(
      `update jobs set deadline_at = now() where id = $1 and deadline_at is not null and status in ('queued', 'running')`,
      [id],
    ),
  ),
  async reap(stage, { flag }) {
    const { failed, canceled } = await reapLeases(stage.database.db, ERROR, { relayed: flag });
    tell(stage, 'failed', failed);
    tell(stage, 'canceled', canceled);
  },
  async expire(stage) {
    tell(stage, 'expired', await expireJobs(stage.database.db, ERROR));
  },
  deadLetter: onJob(async (stage, id) => {
    const verdict = await handleDeadLetter(stage.database.db, id, { maxRedrives: 2, error: ERROR });
    if (verdict === 'failed') tell(stage, 'failed', [id]);
  }),
  async relay({ database }, { n, flag }) {
    // Taken for no time at all, so that two relays have the same rows, as after one was thought dead.
    const rows = await takeOutbox(database.db, 1 + n, flag ? HOUR : 0);
    await (n % 3 === 0 ? returnToOutbox(database.db, rows, 0) : markSent(database.db, rows));
  },
  resend: ({ database }) => resendQueued(database.db, -1000, 10),
  send: onJob(({ database }, id) => createQueueTable(database.db).send([id])),
  sweep: ({ database }) => deleteUnusedAssets(database, -1000, 10),
  /** Ends a connection of another actor, whatever it is doing. */
  kill: ({ database }, { n }) =>
    database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
       order by pid offset $1 limit 1`,
      [n],
    ),
} satisfies Record<string, Act>;
type Name = keyof typeof ACTS;
const act = (name: string): Act => ACTS[name as Name];

const WORKER: readonly Name[] = [
  ...(['receive', 'claim', 'claim', 'claim', 'heartbeat', 'look', 'progress', 'succeed', 'succeed'] as const),
  ...(['fail', 'retry', 'retry', 'release', 'release', 'returnLost', 'stop'] as const),
];
const CALLER: readonly Name[] = ['submit', 'submit', 'cancel', 'read', 'list', 'delete'];
const DISPATCHER: readonly Name[] = ['reap', 'expire', 'deadLetter', 'relay', 'relay', 'resend', 'send', 'sweep'];
const CLOCK: readonly Name[] = ['loseLease', 'loseLease', 'loseLease', 'loseLease', 'passDeadline', 'reap'];
const COMPANY = [CALLER, CALLER, WORKER, WORKER, WORKER, CLOCK, DISPATCHER, DISPATCHER];

const small = fc.nat({ max: 9 });
const choices = fc.record({ job: small, lease: small, flag: fc.boolean(), n: small });
const scriptOf = (names: readonly Name[]): fc.Arbitrary<ActorScript> =>
  fc.array(fc.record({ name: fc.constantFrom(...names), choice: choices }), {
    minLength: 16,
    maxLength: 30,
    size: 'max',
  });

/** What each actor will do, in order: 2 callers, 3 workers, the clock, 2 dispatchers. */
export const scripts = fc.tuple(...COMPANY.map(scriptOf));
/** The same beside one that ends connections. */
export const scriptsAndKiller = fc.tuple(...[...COMPANY, ['kill'] as const].map(scriptOf));

/** Every actor goes through its script, all at once. `tolerate` decides on what an act throws. */
export async function perform(
  stage: SharedState,
  company: readonly ActorScript[],
  tolerate: (thrown: unknown) => boolean,
): Promise<void> {
  await Promise.all(
    company.map(async (script) => {
      for (const { name, choice } of script) {
        await act(name)(stage, choice).catch((thrown: unknown) => {
          if (!tolerate(thrown)) throw thrown;
        });
      }
    }),
  );
}
