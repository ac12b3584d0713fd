import type { JobStatus } from '../../packages/contract/src/index.ts';

/**
 * What a job is, in the words of the promises: written without a look at the SQL, so that the two can be compared. Times are
 * turns of a counter; what lies an hour ahead is `far`.
 */
export interface ModelJob {
  readonly id: string;
  readonly maxAttempts: number;
  readonly webhook: boolean;
  readonly deadline: boolean;
  readonly inputs: readonly string[];
  status: JobStatus;
  attempt: number;
  failures: number;
  redrives: number;
  cancel: boolean;
  error: boolean;
  token: string | undefined;
  /** Tokens of leases that ran out and count as failures. */
  lostLeases: string[];
  /** Its lease has run out. */
  lapsed: boolean;
  /** Its deadline has passed. */
  late: boolean;
  /** Waits for its retry. */
  waiting: boolean;
  /** When the Postgres queue shows it. */
  visible: 'now' | 'far';
  /** The turn at which it joined the queue: its place, lowest first. */
  rank: number;
  /** Messages on their way to another queue. */
  outbox: number;
  events: string[];
  /** The token that it succeeded with, and how many results it has. */
  outputs: { readonly token: string; readonly count: number } | undefined;
  /** Deliveries that are still to be told. */
  pending: number;
  ended: number | undefined;
}

export interface DatabaseModel {
  turn: number;
  /** How often each event happened, over all jobs that there ever were. */
  readonly events: Map<string, number>;
  readonly jobs: Map<string, ModelJob>;
  /** Stored inputs by content. */
  readonly inputs: Map<string, string>;
  /** Every lease that was ever had. */
  readonly leases: { readonly jobId: string; readonly token: string }[];
}

type Lease = DatabaseModel['leases'][number];

export function happened(model: DatabaseModel, job: ModelJob, event: string): void {
  job.events.push(event);
  model.events.set(event, (model.events.get(event) ?? 0) + 1);
}

export const emptyModel = (): DatabaseModel => ({
  turn: 0,
  events: new Map(),
  jobs: new Map(),
  inputs: new Map(),
  leases: [],
});

export const isOpen = ({ status }: ModelJob): boolean => status === 'queued' || status === 'running';
const isLost = (job: ModelJob): boolean => job.status === 'running' && job.lapsed;
const isLast = (job: ModelJob): boolean => job.failures + 1 >= job.maxAttempts;

export const all = (model: DatabaseModel): ModelJob[] => [...model.jobs.values()];

export function holder(model: DatabaseModel, lease: Lease): ModelJob | undefined {
  const job = model.jobs.get(lease.jobId);
  return job?.status === 'running' && job.token === lease.token ? job : undefined;
}

type Facts = Pick<ModelJob, 'id' | 'maxAttempts' | 'webhook' | 'deadline' | 'inputs'>;

export function submitted(model: DatabaseModel, facts: Facts, relayed: boolean): void {
  const job: ModelJob = {
    ...facts,
    status: 'queued',
    attempt: 0,
    failures: 0,
    redrives: 0,
    cancel: false,
    error: false,
    token: undefined,
    lostLeases: [],
    lapsed: false,
    late: false,
    waiting: false,
    visible: 'now',
    rank: model.turn,
    outbox: relayed ? 1 : 0,
    events: [],
    outputs: undefined,
    pending: 0,
    ended: undefined,
  };
  model.jobs.set(facts.id, job);
  happened(model, job, 'job.queued');
}

export function claimed(model: DatabaseModel, id: string, token: string): 'claimed' | 'later' | 'done' {
  const job = model.jobs.get(id);
  if (job === undefined || !isOpen(job)) return 'done';
  const takeover = isLost(job) && !job.cancel && !isLast(job);
  if (job.status === 'queued') job.redrives = 0;
  if (job.late || !((job.status === 'queued' && !job.waiting) || takeover)) return 'later';
  if (takeover) countLost(job);
  Object.assign(job, { redrives: 0, status: 'running', token, lapsed: false, attempt: job.attempt + 1 });
  happened(model, job, 'job.started');
  model.leases.push({ jobId: id, token });
  return 'claimed';
}

function countLost(job: ModelJob): void {
  job.failures++;
  if (job.token !== undefined) job.lostLeases.push(job.token);
}

/** Its worker has outlived the lease: it is given back, or the failure that it counted for is taken back, once. */
export function returned(model: DatabaseModel, lease: Lease): 'queued' | 'canceled' | 'taken_back' | 'lost' {
  const outcome = released(model, lease);
  const job = model.jobs.get(lease.jobId);
  if (outcome !== 'lost' || job === undefined) return outcome;
  if (!isOpen(job) || !job.lostLeases.includes(lease.token)) return 'lost';
  job.failures--;
  job.lostLeases = job.lostLeases.filter((token) => token !== lease.token);
  return 'taken_back';
}

function ended(model: DatabaseModel, job: ModelJob, status: JobStatus): void {
  Object.assign(job, { status, token: undefined, lapsed: false, outbox: 0, ended: model.turn });
  job.error = status === 'failed' || status === 'expired';
  job.pending = job.webhook ? 1 : 0;
  happened(model, job, `job.${status}`);
}

export function succeeded(model: DatabaseModel, lease: Lease, count: number): boolean {
  const job = holder(model, lease);
  if (job === undefined) return model.jobs.get(lease.jobId)?.outputs?.token === lease.token;
  job.outputs = { token: lease.token, count };
  ended(model, job, 'succeeded');
  return true;
}

export function failedAttempt(model: DatabaseModel, lease: Lease): boolean {
  const job = holder(model, lease);
  if (job === undefined) return false;
  job.failures++;
  ended(model, job, 'failed');
  return true;
}

export function stopped(model: DatabaseModel, lease: Lease): boolean {
  const job = holder(model, lease);
  if (job !== undefined) ended(model, job, 'canceled');
  return job !== undefined;
}

/** More turns than a test has. */
const AN_HOUR_OF_TURNS = 1_000_000;

function requeued(model: DatabaseModel, job: ModelJob, event: string, later: boolean): void {
  Object.assign(job, { status: 'queued', token: undefined, lapsed: false, waiting: later });
  job.visible = later ? 'far' : 'now';
  job.rank = later ? model.turn + AN_HOUR_OF_TURNS : model.turn;
  happened(model, job, event);
}

export function retried(model: DatabaseModel, lease: Lease, later: boolean): 'queued' | 'failed' | 'canceled' | 'lost' {
  const job = holder(model, lease);
  if (job === undefined) return 'lost';
  if (job.cancel) {
    ended(model, job, 'canceled');
    return 'canceled';
  }
  if (isLast(job)) return failedAttempt(model, lease) ? 'failed' : 'lost';
  job.failures++;
  job.error = true;
  requeued(model, job, 'job.retrying', later);
  return 'queued';
}

export function released(model: DatabaseModel, lease: Lease): 'queued' | 'canceled' | 'lost' {
  const job = holder(model, lease);
  if (job === undefined) return 'lost';
  if (job.cancel) ended(model, job, 'canceled');
  else requeued(model, job, 'job.released', false);
  return job.cancel ? 'canceled' : 'queued';
}

export function cancelRequested(model: DatabaseModel, id: string): boolean {
  const job = model.jobs.get(id);
  if (job?.status === 'queued') ended(model, job, 'canceled');
  else if (job?.status === 'running' && !job.cancel) {
    job.cancel = true;
    happened(model, job, 'job.cancel_requested');
  }
  return job !== undefined;
}

export function reaped(model: DatabaseModel, relayed: boolean): Record<'queued' | 'failed' | 'canceled', string[]> {
  const outcome: ReturnType<typeof reaped> = { queued: [], failed: [], canceled: [] };
  for (const job of all(model).filter(isLost)) {
    const status = job.cancel ? 'canceled' : isLast(job) ? 'failed' : 'queued';
    if (status !== 'canceled') countLost(job);
    if (status === 'queued') {
      job.error = true;
      if (relayed) job.outbox++;
      requeued(model, job, 'job.retrying', false);
    } else ended(model, job, status);
    outcome[status].push(job.id);
  }
  return outcome;
}

export function expired(model: DatabaseModel): string[] {
  const late = all(model).filter((job) => isOpen(job) && job.late);
  for (const job of late) ended(model, job, 'expired');
  return late.map(({ id }) => id);
}

export function deadLettered(
  model: DatabaseModel,
  id: string,
  maxRedrives: number,
): 'healthy' | 'sent_again' | 'failed' | 'done' {
  const job = model.jobs.get(id);
  if (job === undefined || !isOpen(job)) return 'done';
  if (job.status === 'running') return 'healthy';
  if (job.redrives + 1 >= maxRedrives) {
    ended(model, job, 'failed');
    return 'failed';
  }
  job.redrives++;
  job.outbox++;
  return 'sent_again';
}

/** Keys that go with the job: its results, and the pictures that no other job uses. */
export function deleted(model: DatabaseModel, job: ModelJob): string[] {
  model.jobs.delete(job.id);
  const unused = unusedInputs(model).filter((id) => job.inputs.includes(id));
  forget(model, unused);
  const { token, count } = job.outputs ?? { token: '', count: 0 };
  const outputs = Array.from({ length: count }, (_, n) => `outputs/${job.id}/${token}/${n}.png`);
  return [...outputs, ...unused.map((id) => `inputs/${id}`)];
}

export function unusedInputs(model: DatabaseModel): string[] {
  const used = new Set(all(model).flatMap(({ inputs }) => inputs));
  return [...model.inputs.values()].filter((id) => !used.has(id));
}

export function forget(model: DatabaseModel, ids: readonly string[]): void {
  for (const [content, id] of model.inputs) if (ids.includes(id)) model.inputs.delete(content);
}

/** Jobs that the Postgres queue shows, first in the queue first. */
export function visibleJobs(model: DatabaseModel): ModelJob[] {
  return all(model)
    .filter(({ status, visible }) => status === 'queued' && visible !== 'far')
    .sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
}
