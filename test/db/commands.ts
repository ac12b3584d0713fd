import * as fc from 'fast-check';
import { expect } from 'vitest';
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
  handleDeadLetter,
  heartbeat,
  markSent,
  newToken,
  readLeaseState,
  reapLeases,
  recordPreview,
  recordProgress,
  releaseJob,
  requestCancel,
  resendQueued,
  retryJob,
  returnLostLease,
  returnToOutbox,
  succeedJob,
  takeOutbox,
} from '../../packages/db/src/index.ts';
import { recordTry, takeDue } from './deliveries.ts';
import { ERROR, expireLease, HOUR, OWNER, storeTestInput, submitOrFail, successOf } from './jobs.ts';
import {
  all,
  cancelRequested,
  claimed,
  type DatabaseModel,
  deadLettered,
  deleted,
  expired,
  failedAttempt,
  forget,
  happened,
  holder,
  isOpen,
  type ModelJob,
  reaped,
  released,
  retried,
  returned,
  stopped,
  submitted,
  succeeded,
  unusedInputs,
  visibleJobs,
} from './model.ts';
import { expectSame } from './same.ts';

/** Numbers that choose a job, a lease and the rest of a step. */
interface Choice {
  readonly job: number;
  readonly lease: number;
  readonly flag: boolean;
  readonly n: number;
}

/** Does something to the database and to the model, and expects the same answer of both. */
type Step = (model: DatabaseModel, database: Database, choice: Choice) => Promise<void>;

const nth = <T>(items: readonly T[], n: number): T | undefined =>
  items.length === 0 ? undefined : items.at(n % items.length);
const sorted = (values: readonly string[]): string[] => values.toSorted();

type JobStep = (model: DatabaseModel, database: Database, id: string, choice: Choice) => Promise<void>;
type LeaseStep = (
  model: DatabaseModel,
  database: Database,
  lease: DatabaseModel['leases'][number],
  choice: Choice,
) => Promise<void>;

/** Mostly a job that something happens to by this; at times any other, or one that is gone. */
const onJob = (wanted: (job: ModelJob) => boolean, step: JobStep): Step => {
  return (model, database, choice) => {
    const fit = choice.n < 7 ? all(model).filter(wanted) : [];
    const id = (nth(fit, choice.job) ?? nth(all(model), choice.job))?.id;
    return step(model, database, choice.n === 9 ? 'job_gone' : (id ?? 'job_gone'), choice);
  };
};
/** A lease that is held; or a lost one, mostly of a job that runs under another by now. */
const onLease = (step: LeaseStep): Step => {
  return async (model, database, choice) => {
    const held = model.leases.filter((lease) => holder(model, lease) !== undefined);
    const replaced = model.leases.filter(
      (lease) => !held.includes(lease) && held.some(({ jobId }) => jobId === lease.jobId),
    );
    const fit = choice.n < 5 ? held : choice.n < 8 ? replaced : [];
    const lease = nth(fit, choice.lease) ?? nth(model.leases, choice.lease);
    if (lease !== undefined) await step(model, database, lease, choice);
  };
};
const openJob = (model: DatabaseModel, id: string, which: (job: ModelJob) => boolean): ModelJob | undefined => {
  const job = model.jobs.get(id);
  return job !== undefined && isOpen(job) && which(job) ? job : undefined;
};

const STEPS: Record<string, Step> = {
  async submitOrFail(model, database, { job, flag, n }) {
    if (all(model).filter(isOpen).length >= OPEN) return;
    const inputs: string[] = [];
    for (let each = 0; each < n % 3; each++) {
      const content = `${(job + each) % 4}`;
      const id = await storeTestInput(database, content);
      expect(model.inputs.get(content) ?? id).toBe(id);
      model.inputs.set(content, id);
      inputs.push(id);
    }
    const facts = { maxAttempts: 1 + (n % 4), webhook: flag, deadline: job % 4 > 0, inputs };
    const id = await submitOrFail(
      database,
      {
        inputs,
        maxAttempts: facts.maxAttempts,
        webhookUrl: flag ? 'https://example.com' : undefined,
        deadline: facts.deadline ? new Date(Date.now() + HOUR).toISOString() : undefined,
      },
      { relayed: n % 2 === 0 },
    );
    submitted(model, { id, ...facts }, n % 2 === 0);
  },
  claim: onJob(
    ({ status, lapsed }) => status === 'queued' || lapsed,
    async (model, database, id) => {
      const token = newToken();
      const { outcome } = await claimJob(database.db, id, { token, workerId: token, leaseMs: HOUR });
      expect(outcome).toBe(claimed(model, id, token));
    },
  ),
  heartbeat: onLease(async (model, database, lease) => {
    const job = holder(model, lease);
    expect(await heartbeat(database.db, lease, HOUR)).toBe(job !== undefined);
    if (job !== undefined) job.lapsed = false;
  }),
  look: onLease(async (model, database, lease) => {
    const job = holder(model, lease);
    expect(await readLeaseState(database.db, lease)).toBe(
      job === undefined ? 'lost' : job.cancel ? 'cancel' : 'continue',
    );
  }),
  progress: onLease(async (model, database, lease, { n, flag }) => {
    const done = flag
      ? await recordProgress(database.db, lease, { stage: 'denoise', step: n, total: 9 })
      : await recordPreview(database.db, lease, { step: n, total: 9, width: 1, height: 1, data_url: 'data:,' });
    const job = holder(model, lease);
    expect(done).toBe(job !== undefined);
    if (job !== undefined) happened(model, job, flag ? 'job.progress' : 'job.preview');
  }),
  succeed: onLease(async (model, database, lease, { n }) => {
    const outputs = 1 + (n % 3);
    expect(await succeedJob(database.db, lease, successOf(lease, outputs))).toBe(succeeded(model, lease, outputs));
  }),
  fail: onLease(async (model, database, lease) => {
    expect(await failJob(database.db, lease, ERROR)).toBe(failedAttempt(model, lease));
  }),
  retry: onLease(async (model, database, lease, { flag }) => {
    const outcome = await retryJob(database.db, lease, { error: ERROR, delayMs: flag ? HOUR : 0 });
    expect(outcome).toBe(retried(model, lease, flag));
  }),
  release: onLease(async (model, database, lease) => {
    expect(await releaseJob(database.db, lease)).toBe(released(model, lease));
  }),
  returnLost: onLease(async (model, database, lease) => {
    expect(await returnLostLease(database.db, lease)).toBe(returned(model, lease));
  }),
  stop: onLease(async (model, database, lease) => {
    expect(await cancelRunningJob(database.db, lease)).toBe(stopped(model, lease));
  }),
  cancel: onJob(
    ({ status }) => status === 'running',
    async (model, database, id) => {
      expect(await requestCancel(database.db, { owner: OWNER, id })).toBe(cancelRequested(model, id));
    },
  ),
  async reap(model, database, { flag }) {
    const real = await reapLeases(database.db, ERROR, { relayed: flag });
    const expected = reaped(model, flag);
    for (const status of ['queued', 'failed', 'canceled'] as const) {
      expect([status, sorted(real[status])]).toEqual([status, sorted(expected[status])]);
    }
  },
  async expire(model, database) {
    expect(sorted(await expireJobs(database.db, ERROR))).toEqual(sorted(expired(model)));
  },
  deadLetter: onJob(
    ({ status }) => status === 'queued',
    async (model, database, id) => {
      expect(await handleDeadLetter(database.db, id, { maxRedrives: 3, error: ERROR })).toBe(
        deadLettered(model, id, 3),
      );
    },
  ),
  delete: onJob(
    (job) => !isOpen(job),
    async (model, database, id) => {
      const job = model.jobs.get(id);
      const outcome = await deleteJob(database, { owner: OWNER, id }).catch((thrown: { code: string }) => thrown.code);
      if (job !== undefined && !isOpen(job)) expect(sorted(outcome as string[])).toEqual(sorted(deleted(model, job)));
      else expect(outcome).toBe(job === undefined ? undefined : 'job_state');
    },
  ),
  async retain(model, database) {
    const keys = await deleteOldJob(database, -1000);
    const { rows } = await database.pool.query<{ id: string }>('select id from jobs');
    const gone = all(model).filter((job) => !rows.some(({ id }) => id === job.id));
    const old = all(model).filter(({ ended, pending }) => ended !== undefined && pending === 0);
    expect([keys === undefined, gone.length]).toEqual([old.length === 0, old.length === 0 ? 0 : 1]);
    if (gone[0] === undefined) return;
    expect(gone[0].ended).toBe(Math.min(...old.map(({ ended }) => ended ?? 0)));
    expect(sorted(keys ?? [])).toEqual(sorted(deleted(model, gone[0])));
  },
  async sweep(model, database) {
    const unused = unusedInputs(model);
    const swept = await deleteUnusedAssets(database, -1000, 100);
    expect(sorted(swept)).toEqual(sorted(unused.map((id) => `inputs/${id}`)));
    forget(model, unused);
  },
  async take(model, database, { n }) {
    const taken = visibleJobs(model).slice(0, n);
    const messages = await createQueueTable(database.db).take({ max: n, hideMs: HOUR });
    const receipt = (job: ModelJob): string => String(job.events.length);
    expect(messages).toEqual(taken.map((job) => ({ jobId: job.id, receipt: receipt(job), leftBy: [] })));
    for (const job of taken) job.visible = 'far';
  },
  show: onJob(
    ({ status }) => status === 'queued',
    async (model, database, jobId, { n, flag }) => {
      const queue = createQueueTable(database.db);
      const job = openJob(model, jobId, ({ status }) => status === 'queued');
      // At times a message of an earlier time in the queue, which is void.
      const message = { jobId, receipt: String((job?.events.length ?? 1) - (n < 3 ? 1 : 0)) };
      await (flag ? queue.show(message, 0) : queue.hide(message, n < 6 ? HOUR : undefined));
      if (job !== undefined && n >= 3) job.visible = flag ? 'now' : 'far';
    },
  ),
  async relay(model, database, { flag }) {
    const rows = await takeOutbox(database.db, 100, HOUR);
    const queued = all(model).filter(({ status }) => status === 'queued');
    expect(sorted(rows.map(({ jobId }) => jobId))).toEqual(
      sorted(queued.flatMap(({ id, outbox }) => Array<string>(outbox).fill(id))),
    );
    await (flag ? returnToOutbox(database.db, rows, 0) : markSent(database.db, rows));
    for (const job of all(model)) if (!flag || job.status !== 'queued') job.outbox = 0;
  },
  async resend(model, database) {
    const silent = all(model).filter(({ status, outbox, waiting }) => status === 'queued' && outbox === 0 && !waiting);
    expect(await resendQueued(database.db, -1000, 100)).toBe(silent.length);
    for (const job of silent) job.outbox = 1;
  },
  async tell(model, database) {
    const due = await takeDue(database);
    const pending = all(model).filter((job) => job.pending > 0);
    expect(sorted(due.map(({ jobId }) => jobId))).toEqual(sorted(pending.map(({ id }) => id)));
    const attempt = { at: new Date().toISOString(), status: 204, duration_ms: 1, error: null };
    for (const { id } of due) await recordTry(database, id, attempt, { status: 'delivered' });
    for (const job of pending) job.pending = 0;
  },
  loseLease: onJob(
    ({ status }) => status === 'running',
    async (model, database, id) => {
      await expireLease(database, id);
      const job = openJob(model, id, ({ status }) => status === 'running');
      if (job !== undefined) job.lapsed = true;
    },
  ),
  passDeadline: onJob(
    ({ deadline }) => deadline,
    async (model, database, id) => {
      const job = openJob(model, id, ({ deadline }) => deadline);
      if (job === undefined) return;
      await database.pool.query('update jobs set deadline_at = now() where id = $1', [id]);
      job.late = true;
    },
  ),
  endDelay: onJob(
    ({ waiting }) => waiting,
    async (model, database, id) => {
      const job = openJob(model, id, ({ status }) => status === 'queued');
      if (job === undefined) return;
      await database.pool.query('update jobs set run_after = now(), visible_at = now() where id = $1', [id]);
      Object.assign(job, { waiting: false, visible: 'now' });
    },
  ),
};
/** What a long life is made of comes more often, else most jobs would end before anything happens to them. */
const OFTEN = [
  ...['submit', 'submit', 'submit', 'submit', 'claim', 'claim', 'claim', 'claim', 'claim', 'claim'],
  ...[
    'loseLease',
    'loseLease',
    'loseLease',
    'retry',
    'release',
    'returnLost',
    'progress',
    'cancel',
    'passDeadline',
    'expire',
    'show',
  ],
];
/** Jobs that are open at once: few, so that things happen to the same ones. */
const OPEN = 3;

const small = fc.nat({ max: 9 });
const choices = fc.record({ job: small, lease: small, flag: fc.boolean(), n: small });

/** Sequences of steps; after each, the tables and the model are compared. */
export const sequences = fc.commands<DatabaseModel, Database, false>(
  [...Object.keys(STEPS), ...OFTEN].map((name) =>
    choices.map((choice) => ({
      check: () => true,
      async run(model: DatabaseModel, database: Database) {
        model.turn++;
        await STEPS[name]?.(model, database, choice);
        await expectSame(model, database);
      },
      toString: () => `${name}(${JSON.stringify(choice)})`,
    })),
  ),
  { maxCommands: 240, size: 'max' },
);
