import type { Client } from '@qwen-edit/client';
import { AppError, type Job } from '@qwen-edit/contract';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

/** What every command that calls a service needs. */
export interface ServiceDeps {
  readonly terminal: Terminal;
  readonly config: Config;
  readonly client: Client;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Flags of every command that calls a service. */
export const SERVICE_OPTIONS = {
  url: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The word that a command needs, as the id of a job. Throws AppError `usage` if there is none. */
export function oneWord(words: readonly string[], what: string): string {
  const [word] = words;
  if (word === undefined) throw new AppError('usage', `${what} is missing.`);
  return word;
}

/** One line about a job: id, status, time of submission, and how far it is or why it failed. */
export function jobLine(job: Job): string {
  const { queue_position, stage, step, total } = job.progress;
  const where =
    queue_position !== null
      ? `${queue_position} before it`
      : stage !== null && job.status === 'running'
        ? `${stage} ${step ?? 0}/${total ?? 0}`
        : '';
  const what = job.error === null || job.status !== 'failed' ? where : `${job.error.message} (${job.error.code})`;
  return `${job.id}  ${job.status.padEnd(9)}  ${job.created_at}  ${what}`.trimEnd();
}

/** Says on standard error why nobody begins a queued job: its model is still being downloaded, no worker runs. */
export function noteWaiting({ terminal }: Pick<ServiceDeps, 'terminal'>, { progress: { waiting } }: Job): void {
  if (waiting === null) return;
  terminal.err(`note: ${[waiting.message, waiting.last_error].filter((text) => text !== null).join(' ')}\n`);
}

/** Says on standard error what the job's results warn of. */
export function warnOf({ terminal }: Pick<ServiceDeps, 'terminal'>, { warnings }: Pick<Job, 'warnings'>): void {
  for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
}
