import {
  callerJobError,
  isTerminalEvent,
  type JobEvent,
  jobErrorSchema,
  problemOf,
  toAppError,
} from '@qwen-edit/contract';
import type { JobEventRow } from '@qwen-edit/db';
import type { JobWatch } from '../job-watch.ts';

const HEARTBEAT = ': heartbeat\n\n';
/** Milliseconds that a browser waits before it connects again. */
const RETRY = 'retry: 2000\n\n';

/** An event as the API shows it. */
export function presentEvent({ jobId, seq, type, createdAt, data }: JobEventRow): JobEvent {
  return {
    id: `${jobId}:${seq}`,
    job_id: jobId,
    seq,
    type,
    created_at: createdAt.toISOString(),
    data: shownData(data),
  };
}

/** An event of an earlier version may hold an error in words that are not for callers. */
function shownData(data: JobEventRow['data']): JobEventRow['data'] {
  const error = jobErrorSchema.safeParse(data.error);
  return error.success ? { ...data, error: callerJobError(error.data) } : data;
}

/**
 * An event in the format of server-sent events. JSON has no line breaks, so that one data line is enough. Source: HTML,
 * section 9.2.
 */
export function formatEvent(event: JobEvent): string {
  return `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

export interface FollowOptions {
  readonly jobId: string;
  readonly after: number;
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  /** Aborts, with an AppError, when the reader may not read on. */
  readonly lost?: AbortSignal | undefined;
}

/**
 * The events of a job after `after`, as texts for a stream, with a comment whenever there was no event for a while.
 * Ends after the terminal event, when the job is deleted, and when the process stops; with an event `unauthorized`, whose data is a problem,
 * when the reader's key or session lets nobody in any more. An event is read only after the
 * reader took the one before, so that a slow reader costs no memory.
 */
export async function* followJob(
  watch: JobWatch,
  { jobId, after, heartbeatMs, signal: reading, lost }: FollowOptions,
): AsyncGenerator<string, void, undefined> {
  yield RETRY;
  let seq = after;
  const signal = lost === undefined ? reading : AbortSignal.any([reading, lost]);
  for (;;) {
    const events = await watch.events(jobId, seq).catch(() => []);
    for (const row of events) {
      if (lost?.aborted) break;
      yield formatEvent(presentEvent(row));
      if (isTerminalEvent(row.type)) return;
      seq = row.seq;
    }
    if (lost?.aborted) return yield formatRefusal(lost.reason);
    if (events.length > 0) continue;
    const news = await watch.next(jobId, seq, { signal, timeoutMs: heartbeatMs });
    if (news === 'timeout') yield HEARTBEAT;
    else if (news !== 'newer' && !lost?.aborted) return;
  }
}

/** Why a stream ends early. It has no id, so that a reader who comes back continues after the last event of the job. */
function formatRefusal(reason: unknown): string {
  const { request_id: _none, ...problem } = problemOf(toAppError(reason), '');
  return `event: unauthorized\ndata: ${JSON.stringify(problem)}\n\n`;
}

/** The last event that a reader saw: the seq of `Last-Event-ID: <job id>:<seq>`. Undefined for an id of another job. */
export function seqOfEventId(header: string, jobId: string): number | undefined {
  const digits = header.startsWith(`${jobId}:`) ? header.slice(jobId.length + 1) : '';
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
}
