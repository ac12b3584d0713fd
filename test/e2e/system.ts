import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { queryOnce } from '../db/query.ts';
import type { Messages } from './messages.ts';
import type { Objects } from './objects.ts';
import type { ProcessRow } from './process-table.ts';
import type { Outside } from './receiver.ts';
import type { ServiceProcess } from './service-processes.ts';

/** The parts of a service; one process may be all three. */
export const PARTS = ['api', 'worker', 'dispatcher'] as const;
export type Part = (typeof PARTS)[number];

/** A whole service of one size, and what a test can see of it without asking it. */
export interface System {
  /** Marks everything of this service on this machine; files are kept in it. */
  readonly folder: string;
  readonly outside: Outside;
  readonly objects: Objects;
  /** The queues outside the database. */
  readonly queues: readonly Messages[];
  readonly databaseUrl: () => Promise<string>;
  /** Ids of the jobs that were accepted. Whoever reads a 202 adds its job. */
  readonly accepted: Set<string>;
  /** The running processes that do the work of this part. */
  members(part: Part): readonly ServiceProcess[];
  /** All running processes. */
  everyone(): readonly ServiceProcess[];
  /** Starts a process that does the work of this part. */
  start(part: Part, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** All processes of this service on this machine, also those that should have ended. */
  processes(): Promise<readonly ProcessRow[]>;
  /** The process id of the embedded database. */
  databasePid(): number | undefined;
  /** The end of what each of its processes wrote, for a test that fails. */
  lastOutput(): string;
  /** Stops all processes. Resolves with the exit code or the signal of each. */
  stop(): Promise<readonly (number | NodeJS.Signals)[]>;
  /** Kills all processes and removes all files, whatever state they are in. */
  remove(): Promise<void>;
}

/** Signs the webhooks of jobs that name no secret. */
export const WEBHOOK_SECRET: string = `whsec_${randomBytes(24).toString('base64')}`;
/** How often a job is tried. More than the usual 3: a lease of seconds may also be lost to a busy machine. */
export const MAX_ATTEMPTS = 5;

/** The folder and settings of a service with short times and an engine that does what the prompt says. */
export async function prepare(): Promise<{ folder: string; env: Record<string, string> }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-system-')));
  const env = {
    PORT: '0',
    QWEN_EDIT_DATA_DIR: join(folder, 'data'),
    QWEN_EDIT_ENGINE_PROGRAM: join(import.meta.dirname, '../fakes/engine.ts'),
    FAKE_ENGINE_DIR: folder,
    QWEN_EDIT_LEASE_SECONDS: '2',
    QWEN_EDIT_ORDER_POLL_SECONDS: '0.1',
    QWEN_EDIT_GRACE_SECONDS: '0.3',
    QWEN_EDIT_MAX_ATTEMPTS: String(MAX_ATTEMPTS),
    QWEN_EDIT_RETRY_SECONDS: '0.1',
    QWEN_EDIT_RETRY_MAX_SECONDS: '0.3',
    QWEN_EDIT_CANCEL_GRACE_SECONDS: '0.5',
    QWEN_EDIT_PREVIEW_EVERY: '2',
    QWEN_EDIT_MAX_QUEUE: '1000',
    QWEN_EDIT_REAP_SECONDS: '0.2',
    QWEN_EDIT_RESEND_SECONDS: '2',
    QWEN_EDIT_WEBHOOK_SECRET: WEBHOOK_SECRET,
    QWEN_EDIT_WEBHOOK_RETRY_SECONDS: '0.2,0.5,1,1,1,1',
    QWEN_EDIT_WEBHOOK_TIMEOUT_SECONDS: '1',
    QWEN_EDIT_ALLOW_PRIVATE_URLS: '1',
    // Longer than any time between an object and its row, also on a machine that stalls.
    QWEN_EDIT_ORPHAN_SECONDS: '5',
    QWEN_EDIT_SWEEP_SECONDS: '0.5',
  };
  return { folder, env };
}

/** Starts a system. If that fails, nothing of it stays. */
export async function startedOrRemoved<S extends System>(system: S, start: () => Promise<unknown>): Promise<S> {
  try {
    await start();
    return system;
  } catch (thrown) {
    await system.remove();
    throw thrown;
  }
}

export const isEngine = ({ text }: ProcessRow): boolean => /\/(fakes\/engine|child)\.ts\b/.test(text);

/** The process that runs a job now. */
export async function hostOf(system: System, jobId: string): Promise<ServiceProcess> {
  const [row] = await queryOnce<{ pid: number }>(
    await system.databaseUrl(),
    'select pid from workers where id = (select worker_id from jobs where id = $1)',
    [jobId],
  );
  const member = system.members('worker').find(({ pid }) => pid === row?.pid);
  if (member === undefined) throw new Error(`no living worker runs ${jobId}`);
  return member;
}

/** The ids of the engine processes of a worker. */
export async function enginesOf(system: System, { pid }: ServiceProcess): Promise<readonly number[]> {
  const rows = (await system.processes()).filter((row) => row.parent === pid && isEngine(row));
  return rows.map((row) => row.pid);
}
