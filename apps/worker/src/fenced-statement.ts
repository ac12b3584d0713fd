import { type Backoff, createBackoff, retry, timeLimit } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { sqlState } from '@qwen-edit/db';
import type { WorkerDeps } from './deps.ts';

export interface StatementRules {
  /** A statement that has no answer by then is tried on another connection. */
  readonly answerMs: number;
  readonly backoff: Backoff;
}

/** The rules that a worker's options give. */
export function statementRules({ options, random }: Pick<WorkerDeps, 'options' | 'random'>): StatementRules {
  return { answerMs: options.answerMs, backoff: workerBackoff({ options, random }) };
}

/** Delays after failures of what the worker needs: the queue, the database, the model. */
export function workerBackoff({ options, random }: Pick<WorkerDeps, 'options' | 'random'>): Backoff {
  return createBackoff({ firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random });
}

/** The form of an SQLSTATE, which only the server itself sends. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * True if the statement may have taken effect although it failed, or may succeed on another try. An error without an SQLSTATE
 * says nothing about what the server did.
 */
export function isOutcomeUnknown(thrown: unknown): boolean {
  const { code } = toAppError(thrown);
  // A database that lets nobody in is like one that is away: a password may be changed while a job runs.
  const away = code === 'database_unavailable' || code === 'database_refused';
  return away || code === 'canceled' || !SQLSTATE.test(sqlState(thrown));
}

/**
 * Runs a statement until the database answers, or until `signal` says that nothing more may be written: it then rejects with
 * the last error. Only for fenced statements: one whose answer was lost is run again, and then changes nothing.
 */
export async function runFencedStatement<T>(
  { answerMs, backoff }: StatementRules,
  statement: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await retry(() => timeLimit(statement, { ms: answerMs, signal, late: 'database_unavailable' }), {
      backoff,
      signal,
      shouldRetry: isOutcomeUnknown,
    });
  } catch (thrown) {
    throw toAppError(thrown);
  }
}
