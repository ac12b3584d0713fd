import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createOwnerSeconds, type OwnerSeconds } from './owner-seconds.ts';

export interface Metrics {
  /** Of the text that `scrape` gives. */
  readonly contentType: string;
  /** Runs before each scrape, to set what is only known by looking. It must be quick, and must not throw. */
  onScrape(measure: () => void): void;
  /** All metrics in Prometheus' text format. Those that name owners are only for who runs the service. */
  scrape(options: { readonly owners: boolean }): Promise<string>;
  /** 1, with the version and the role of this process. */
  readonly buildInfo: Gauge<'version' | 'role'>;
  /** Time to answer requests, by route, method and status. */
  readonly requestSeconds: Histogram<'route' | 'method' | 'status'>;
  readonly jobsSubmitted: Counter<'form'>;
  /** Attempts that ended, by outcome. */
  readonly outcomes: Counter<'outcome' | 'code' | 'device'>;
  /** From submission to the end of a job, of those that a worker has ended. */
  readonly jobSeconds: Histogram<'outcome'>;
  /** How long engines have worked, by what became of the attempt. An engine on several cards counts as one. */
  readonly engineSeconds: Counter<'device' | 'outcome'>;
  /** The same by owner. */
  readonly ownerEngineSeconds: OwnerSeconds;
  readonly stageSeconds: Histogram<'stage' | 'device'>;
  readonly stepSeconds: Histogram<'device'>;
  readonly queueWaitSeconds: Histogram<string>;
  readonly queueDepth: Gauge<'status'>;
  readonly queueAgeSeconds: Gauge<string>;
  /** Workers that reported lately, by whether they take jobs. */
  readonly workers: Gauge<'ready'>;
  /** Each worker that reported lately: 1 if it has loaded its model and takes jobs. */
  readonly workerReady: Gauge<'worker' | 'device' | 'gpu_id'>;
  /** Memory of the cards that engines use. */
  readonly gpuMemoryBytes: Gauge<'device' | 'gpu_id' | 'state'>;
  /** Golden edits that an engine made, by whether it passed. */
  readonly selfTests: Counter<'result' | 'device'>;
  /** What kept no edit from being made, as kernels that were replaced, or memory of a card that ran out. */
  readonly engineTroubles: Counter<'code' | 'device'>;
  readonly webhookAttempts: Counter<'result'>;
  readonly loopErrors: Counter<'loop'>;
  /** Objects whose rows are gone and which are still to be deleted, by whether the storage has refused that. */
  readonly objectDeletions: Gauge<'state'>;
  /** Connections of this process to the database, `used` and `idle`. */
  readonly poolConnections: Gauge<'state'>;
  /** Who waits for one. */
  readonly poolWaiting: Gauge<string>;
  /** How long they waited, of all who asked. */
  readonly poolWaitSeconds: Histogram<string>;
  /** Of the file systems under the folders that this process writes to, `free` for its user and `total`. */
  readonly diskBytes: Gauge<'folder' | 'state'>;
}

const LONG = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600];
/** Jobs may wait for hours, or a day. */
const VERY_LONG = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 86_400];
const MOST_OWNERS = 100;

/**
 * Creates the metrics of one process, in their own registry. Names end in their unit, as Prometheus recommends.
 *
 * @example
 * const metrics = createMetrics();
 * metrics.buildInfo.set({ version: '1.0.0', role: 'worker' }, 1);
 * await metrics.scrape({ owners: true });
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const ofOwners = new Registry();
  const measures: (() => void)[] = [];
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    contentType: registry.contentType,
    onScrape: (measure) => void measures.push(measure),
    async scrape({ owners }) {
      for (const measure of measures) measure();
      const shared = await registry.metrics();
      return owners ? shared + (await ofOwners.metrics()) : shared;
    },
    buildInfo: new Gauge({
      name: 'qwen_edit_build_info',
      help: 'Always 1, with the version and the role of the process',
      labelNames: ['version', 'role'],
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'qwen_edit_job_seconds',
      help: 'Time from the submission of a job to its end by a worker',
      labelNames: ['outcome'],
      buckets: VERY_LONG,
      registers,
    }),
    engineSeconds: new Counter({
      name: 'qwen_edit_engine_seconds_total',
      help: 'Seconds that engines worked on attempts, by what became of these',
      labelNames: ['device', 'outcome'],
      registers,
    }),
    ownerEngineSeconds: createOwnerSeconds(
      new Counter({
        name: 'qwen_edit_owner_engine_seconds_total',
        help: 'Seconds that engines worked on attempts, by the owner of the job; owners beyond the first 100 count as other',
        labelNames: ['owner'],
        registers: [ofOwners],
      }),
      MOST_OWNERS,
    ),
    requestSeconds: new Histogram({
      name: 'qwen_edit_http_request_seconds',
      help: 'Time to answer an HTTP request',
      labelNames: ['route', 'method', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    }),
    jobsSubmitted: new Counter({
      name: 'qwen_edit_jobs_submitted_total',
      help: 'Jobs accepted, by the form of the request',
      labelNames: ['form'],
      registers,
    }),
    outcomes: new Counter({
      name: 'qwen_edit_attempts_total',
      help: 'Attempts that ended, by what became of the job',
      labelNames: ['outcome', 'code', 'device'],
      registers,
    }),
    stageSeconds: new Histogram({
      name: 'qwen_edit_stage_seconds',
      help: 'Time of each stage of an edit',
      labelNames: ['stage', 'device'],
      buckets: LONG,
      registers,
    }),
    stepSeconds: new Histogram({
      name: 'qwen_edit_step_seconds',
      help: 'Time of one denoising step',
      labelNames: ['device'],
      buckets: LONG,
      registers,
    }),
    queueWaitSeconds: new Histogram({
      name: 'qwen_edit_queue_wait_seconds',
      help: 'Time from submission to the first claim',
      buckets: LONG,
      registers,
    }),
    queueDepth: new Gauge({
      name: 'qwen_edit_jobs',
      help: 'Jobs that wait or run, over all owners',
      labelNames: ['status'],
      registers,
    }),
    queueAgeSeconds: new Gauge({
      name: 'qwen_edit_queue_age_seconds',
      help: 'Age of the oldest job that may be begun and is not',
      registers,
    }),
    workers: new Gauge({
      name: 'qwen_edit_workers',
      help: 'Workers that were heard of lately, by whether they take jobs',
      labelNames: ['ready'],
      registers,
    }),
    workerReady: new Gauge({
      name: 'qwen_edit_worker_ready',
      help: 'Each worker that was heard of lately: 1 if it is ready, by its device and the physical id of its card',
      labelNames: ['worker', 'device', 'gpu_id'],
      registers,
    }),
    gpuMemoryBytes: new Gauge({
      name: 'qwen_edit_gpu_memory_bytes',
      help: 'Memory of the cards that the engines of this process use, as nvidia-smi tells it',
      labelNames: ['device', 'gpu_id', 'state'],
      registers,
    }),
    selfTests: new Counter({
      name: 'qwen_edit_self_tests_total',
      help: 'Self-tests of engines, by whether the golden edit passed or drifted',
      labelNames: ['result', 'device'],
      registers,
    }),
    engineTroubles: new Counter({
      name: 'qwen_edit_engine_troubles_total',
      help: 'What engines went on in spite of, by its code: a smaller plan after out_of_memory, other kernels after device_drift',
      labelNames: ['code', 'device'],
      registers,
    }),
    webhookAttempts: new Counter({
      name: 'qwen_edit_webhook_attempts_total',
      help: 'Webhook deliveries tried, by result',
      labelNames: ['result'],
      registers,
    }),
    objectDeletions: new Gauge({
      name: 'qwen_edit_objects_to_delete',
      help: 'Objects that are still to be deleted from the storage, over all owners, by whether it has refused to',
      labelNames: ['state'],
      registers,
    }),
    loopErrors: new Counter({
      name: 'qwen_edit_loop_errors_total',
      help: 'Rounds of a background loop that failed',
      labelNames: ['loop'],
      registers,
    }),
    poolConnections: new Gauge({
      name: 'qwen_edit_pool_connections',
      help: 'Connections of this process to the database, by whether they are used',
      labelNames: ['state'],
      registers,
    }),
    poolWaiting: new Gauge({
      name: 'qwen_edit_pool_waiting',
      help: 'Statements and transactions of this process that wait for a connection to the database',
      registers,
    }),
    poolWaitSeconds: new Histogram({
      name: 'qwen_edit_pool_wait_seconds',
      help: 'Time until a statement or transaction had a connection to the database, or was refused one',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
      registers,
    }),
    diskBytes: new Gauge({
      name: 'qwen_edit_disk_bytes',
      help: 'Size of the file systems under the folders that this process writes to, and what is free for its user',
      labelNames: ['folder', 'state'],
      registers,
    }),
  };
}
