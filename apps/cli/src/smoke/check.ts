import type { Client } from '@qwen-edit/client';
import { AppError, type ErrorCode } from '@qwen-edit/contract';
import type { SmokeCalls } from './calls.ts';
import type { SmokeJobs } from './jobs.ts';
import type { WebhookPlan } from './webhook-plan.ts';

/** What every check of `qwen-edit smoke` may use. */
export interface SmokeContext {
  /** Without the checks' own credentials: what somebody without a key would see. */
  readonly stranger: SmokeCalls;
  readonly calls: SmokeCalls;
  readonly client: Client;
  readonly jobs: SmokeJobs;
  readonly apiKey: string | undefined;
  /** Version of this command. */
  readonly version: string;
  readonly settings: SmokeSettings;
  /** What earlier checks have found out for later ones. */
  readonly facts: SmokeFacts;
  /** Tells whoever waits why. The same text in a row is told once. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface SmokeSettings {
  /** What the edits are told. */
  readonly prompt: string;
  /** How long to wait for a worker, and for each edit. */
  readonly timeoutMs: number;
  /** How long to wait before asking again. */
  readonly pollMs: number;
  readonly webhook: WebhookPlan | undefined;
}

export interface SmokeFacts {
  serviceVersion?: string;
  /** Seconds from the submission of the first edit to its end. */
  editSeconds?: number;
}

export type SmokeResult = 'passed' | 'failed' | 'skipped';

/** What a check has come to. */
export interface SmokeOutcome {
  readonly result: SmokeResult;
  readonly detail: string;
  /** What to do, of one that failed. */
  readonly hint?: string;
}

/** Looks at one promise of a deployment from outside. Resolves if it is kept; what it throws is the failure. */
export interface SmokeCheck {
  readonly name: string;
  /** Checks without which this one would only fail for the same reason again. */
  readonly needs: readonly string[];
  readonly run: (context: SmokeContext) => Promise<SmokeOutcome>;
}

export const passedWith = (detail: string): SmokeOutcome => ({ result: 'passed', detail });
export const skippedBecause = (detail: string): SmokeOutcome => ({ result: 'skipped', detail });

/** An answer that is not as it was promised, and what to do about it. */
export const smokeFault = (message: string, hint: string): AppError =>
  new AppError('answer_unreadable', message, { hint });

/** Codes that the command itself gives, which tell nothing that the message does not. */
const OWN_CODES: ReadonlySet<ErrorCode> = new Set(['answer_unreadable', 'service_unreachable', 'internal']);

export function failedOutcome({ code, message, hint }: AppError): SmokeOutcome {
  const said = OWN_CODES.has(code) ? message : `${message.replace(/\.$/, '')} (${code})`;
  return { result: 'failed', detail: said, hint };
}
