import { randomUUID } from 'node:crypto';
import { createClient } from '@qwen-edit/client';
import { toAppError } from '@qwen-edit/contract';
import { againIfCut, createCalls, tellingFetch } from './calls.ts';
import {
  failedOutcome,
  passedWith,
  type SmokeCheck,
  type SmokeContext,
  type SmokeFacts,
  type SmokeOutcome,
  type SmokeSettings,
} from './check.ts';
import { checkCancel } from './checks/cancel.ts';
import { checkEdit } from './checks/edit.ts';
import { checkEvents } from './checks/events.ts';
import { checkGuide } from './checks/guide.ts';
import { checkHealth } from './checks/health.ts';
import { checkIdempotency } from './checks/idempotency.ts';
import { checkApiKey } from './checks/key.ts';
import { checkMetrics } from './checks/metrics.ts';
import { checkOpenai } from './checks/openai.ts';
import { checkProblems } from './checks/problems.ts';
import { checkReachable } from './checks/reachable.ts';
import { checkUploads } from './checks/uploads.ts';
import { checkWebhooks } from './checks/webhooks.ts';
import { createSmokeJobs } from './jobs.ts';

const CHECKS: readonly SmokeCheck[] = [
  ...[checkReachable, checkHealth, checkApiKey, checkProblems, checkMetrics],
  ...[checkEdit, checkGuide, checkEvents, checkCancel, checkIdempotency, checkUploads, checkWebhooks, checkOpenai],
];
const CLEANUP = 'cleanup';
/** The names that --skip takes. */
export const SMOKE_CHECKS: readonly string[] = [...CHECKS.map(({ name }) => name), CLEANUP];

/** For the jobs' deletion after Ctrl-C. */
const LAST_WORDS_MS = 15_000;

export interface SmokeOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  /** Version of this command. */
  readonly version: string;
  readonly settings: SmokeSettings;
  readonly skip: ReadonlySet<string>;
  readonly fetch: typeof fetch;
  /** Called as soon as a check has ended. */
  readonly onCheck: (check: NamedOutcome) => void;
  readonly note: (text: string) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface NamedOutcome extends SmokeOutcome {
  readonly name: string;
  readonly ms: number;
}

export interface SmokeRun {
  readonly checks: readonly NamedOutcome[];
  /** What the service says of itself. */
  readonly serviceVersion: string | null;
}

/** Runs the checks one after the other, then deletes the jobs that they made, also if the signal has ended the run. Never rejects. */
export async function runSmoke(options: SmokeOptions): Promise<SmokeRun> {
  const { onCheck, skip, signal, now } = options;
  const checks: NamedOutcome[] = [];
  const facts: SmokeFacts = {};
  const context = contextOf(options, facts);
  /** What has failed, and what could not be looked at because of it: each with the check that failed. */
  const broken = new Map<string, string>();
  const tell = (name: string, start: number, outcome: SmokeOutcome): void => {
    const check = { name, ...outcome, ms: Math.round(now() - start) };
    checks.push(check);
    onCheck(check);
  };

  for (const { name, needs, run } of CHECKS) {
    if (signal.aborted) break;
    const start = now();
    const cause = needs.map((need) => broken.get(need)).find((each) => each !== undefined);
    if (skip.has(name)) {
      tell(name, start, { result: 'skipped', detail: 'left out by --skip' });
    } else if (cause !== undefined) {
      broken.set(name, cause);
      tell(name, start, { result: 'skipped', detail: `${cause} has failed` });
    } else {
      const outcome = await run(context).catch((thrown: unknown) => failedOutcome(toAppError(thrown)));
      // What fails while everything is being stopped is no news.
      if (signal.aborted) break;
      if (outcome.result === 'failed') broken.set(name, name);
      tell(name, start, outcome);
    }
  }
  const start = now();
  const outcome = await cleanUp(context, options, broken);
  if (outcome !== undefined) tell(CLEANUP, start, outcome);
  return { checks, serviceVersion: facts.serviceVersion ?? null };
}

function contextOf(options: SmokeOptions, facts: SmokeFacts): SmokeContext {
  const { url, apiKey, version, settings, note, now, signal } = options;
  const send = againIfCut(options.fetch);
  const { timeoutMs, pollMs } = settings;
  const client = createClient({
    baseUrl: url,
    ...(apiKey === undefined ? {} : { apiKey }),
    fetch: tellingFetch(send, signal, timeoutMs),
  });
  let told = '';
  const noteOnce = (text: string): void => {
    if (text !== told) note(text);
    told = text;
  };
  return {
    stranger: createCalls({ baseUrl: url, fetch: send, signal }),
    calls: createCalls({ baseUrl: url, apiKey, fetch: send, signal }),
    client,
    jobs: createSmokeJobs({ client, run: randomUUID(), timeoutMs, pollMs, now, note: noteOnce, signal }),
    ...{ apiKey, version, settings, facts, signal },
    note: noteOnce,
  };
}

/** undefined if nothing can have been made. */
async function cleanUp(
  { jobs }: SmokeContext,
  { skip, settings, signal }: SmokeOptions,
  broken: ReadonlyMap<string, string>,
): Promise<SmokeOutcome | undefined> {
  if (skip.has(CLEANUP)) return { result: 'skipped', detail: 'left out by --skip' };
  const cause = broken.get('reachable') ?? broken.get('key');
  if (cause !== undefined) return { result: 'skipped', detail: `${cause} has failed, so that nothing was made` };
  const stop = AbortSignal.timeout(signal.aborted ? LAST_WORDS_MS : Math.max(LAST_WORDS_MS, settings.timeoutMs));
  const { deleted, left } = await jobs.deleteAll(stop);
  if (left.length === 0) return passedWith(`deleted ${deleted} ${deleted === 1 ? 'job' : 'jobs'} of these checks`);
  return {
    result: 'failed',
    detail: `jobs of these checks are left: ${left.join('; ')}`,
    hint: 'Delete them by DELETE /v1/jobs/ID; else the service does after its usual time.',
  };
}
