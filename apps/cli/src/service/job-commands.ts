import { AppError, type JobEvent } from '@qwen-edit/contract';
import { demoJobNote } from '../demo-note.ts';
import { readFlags } from '../flag-values.ts';
import { JOBS_HELP } from '../help.ts';
import { wholeNumber } from '../numbers.ts';
import { outputFormatOf } from '../output-paths.ts';
import { saveOutputs } from './save-outputs.ts';
import { jobLine, noteWaiting, oneWord, SERVICE_OPTIONS, type ServiceDeps, warnOf } from './service-command.ts';
import { watchJob } from './watch-job.ts';

const OUT_OPTIONS = { ...SERVICE_OPTIONS, out: { type: 'string' } } as const;
const LIST_OPTIONS = {
  ...SERVICE_OPTIONS,
  status: { type: 'string' },
  limit: { type: 'string' },
  cursor: { type: 'string' },
} as const;

/** `qwen-edit status ID`: the job as it is; with --out also its results. */
export async function statusCommand(args: readonly string[], deps: ServiceDeps): Promise<void> {
  const { values, words } = readFlags(args, OUT_OPTIONS, 1);
  if (values.help === true) return deps.terminal.out(JOBS_HELP);
  if (values.out !== undefined) outputFormatOf(values.out);
  const job = await deps.client.get(oneWord(words, 'The id of the job'), deps.signal);
  if (values.out !== undefined && job.output === null) {
    throw new AppError('job_state', `The job is ${job.status}: it has no results.`, {
      hint: '`qwen-edit watch ID --out FILE` waits for them.',
    });
  }
  const paths = values.out === undefined ? [] : await saveOutputs(deps, job, values.out);
  warnOf(deps, job);
  noteWaiting(deps, job);
  deps.terminal.out(values.json === true ? `${JSON.stringify(job)}\n` : `${[...paths, jobLine(job)].join('\n')}\n`);
}

/** `qwen-edit watch ID`: its progress until its end; with --json each event as a line. */
export async function watchCommand(args: readonly string[], deps: ServiceDeps): Promise<void> {
  const { values, words } = readFlags(args, OUT_OPTIONS, 1);
  if (values.help === true) return deps.terminal.out(JOBS_HELP);
  if (values.out !== undefined) outputFormatOf(values.out);
  const id = oneWord(words, 'The id of the job');
  noteWaiting(deps, await deps.client.get(id, deps.signal));
  const onEvent = (event: JobEvent): void => deps.terminal.out(`${JSON.stringify(event)}\n`);
  const job = await watchJob(deps, id, values.json === true ? onEvent : undefined);
  const paths = values.out === undefined ? [] : await saveOutputs(deps, job, values.out);
  warnOf(deps, job);
  if (values.json === true) return;
  deps.terminal.out(`${[...paths, jobLine(job)].join('\n')}\n`);
  const note = demoJobNote(job);
  if (note !== undefined) deps.terminal.err(`${note}\n`);
}

/** `qwen-edit cancel ID`. */
export async function cancelCommand(args: readonly string[], deps: ServiceDeps): Promise<void> {
  const { values, words } = readFlags(args, SERVICE_OPTIONS, 1);
  if (values.help === true) return deps.terminal.out(JOBS_HELP);
  const job = await deps.client.cancel(oneWord(words, 'The id of the job'), deps.signal);
  deps.terminal.out(values.json === true ? `${JSON.stringify(job)}\n` : `${jobLine(job)}\n`);
}

/** `qwen-edit list`: jobs, newest first. */
export async function listCommand(args: readonly string[], deps: ServiceDeps): Promise<void> {
  const { values } = readFlags(args, LIST_OPTIONS);
  if (values.help === true) return deps.terminal.out(JOBS_HELP);
  const limit = wholeNumber('--limit', values.limit);
  const filter = {
    ...(values.status === undefined ? {} : { status: values.status }),
    ...(limit === undefined ? {} : { limit }),
    ...(values.cursor === undefined ? {} : { cursor: values.cursor }),
  };
  const { data, next_cursor } = await deps.client.list(filter, deps.signal);
  if (values.json === true) return deps.terminal.out(`${JSON.stringify({ data, next_cursor })}\n`);
  for (const job of data) deps.terminal.out(`${jobLine(job)}\n`);
  if (next_cursor !== null) deps.terminal.err(`more: --cursor ${next_cursor}\n`);
}
