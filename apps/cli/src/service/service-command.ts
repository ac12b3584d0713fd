import type { Client } from '@qwen-edit/client';
import { AppError, type Job } from '@qwen-edit/contract';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

/** What a command that calls a service is given. */
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

/** One word that a command needs: the id of a job, say. */
export function oneWord(words: readonly string[], what: string): string {
  const [word] = words;
  if (word === undefined) throw new AppError('usage', `${what} is missing.`);
  return word;
}

/** A job in a line: what people look for first. */
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
