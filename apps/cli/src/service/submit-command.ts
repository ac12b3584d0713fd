import { AppError, OUTPUT_FORMATS, type OutputFormat } from '@qwen-edit/contract';
import { demoJobNote } from '../demo-note.ts';
import { readFlags } from '../flag-values.ts';
import { SUBMIT_HELP } from '../help.ts';
import { outputFormatOf, outputPaths } from '../output-paths.ts';
import { PARAMETER_OPTIONS, parametersOfFlags } from '../parameter-flags.ts';
import { imagePathsOf, readImages } from '../read-images.ts';
import { checkWritable } from '../write-outputs.ts';
import { saveOutputs } from './save-outputs.ts';
import { jobLine, noteWaiting, SERVICE_OPTIONS, type ServiceDeps, warnOf } from './service-command.ts';
import { watchJob } from './watch-job.ts';

const SUBMIT_OPTIONS = {
  ...SERVICE_OPTIONS,
  ...PARAMETER_OPTIONS,
  image: { type: 'string', multiple: true },
  format: { type: 'string' },
  'webhook-url': { type: 'string' },
  deadline: { type: 'string' },
  metadata: { type: 'string', multiple: true },
  'idempotency-key': { type: 'string' },
  wait: { type: 'boolean' },
  out: { type: 'string' },
} as const;

/** `qwen-edit submit`: makes a job of an edit; with --wait or --out also waits for its end. */
export async function submitCommand(args: readonly string[], deps: ServiceDeps): Promise<void> {
  const { values } = readFlags(args, SUBMIT_OPTIONS);
  const { terminal } = deps;
  if (values.help === true) return terminal.out(SUBMIT_HELP);
  const imagePaths = imagePathsOf(values.image);
  const format = values.out === undefined ? formatOf(values.format) : outputFormatOf(values.out);
  const parameters = parametersOfFlags(values, format);
  if (values.out !== undefined) await checkWritable(outputPaths(values.out, parameters.num_images_per_prompt ?? 1));
  const options = {
    webhook_url: values['webhook-url'],
    deadline: values.deadline,
    metadata: metadataOf(values.metadata),
  };
  const said = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const images = await readImages(imagePaths);
  const key = values['idempotency-key'];
  const submission = {
    images,
    parameters: { ...parameters, ...said },
    ...(key === undefined ? {} : { idempotencyKey: key }),
  };
  const accepted = await deps.client.submit(submission, deps.signal);
  // What is known before it is begun: that it takes hours, for one.
  warnOf(deps, accepted);
  noteWaiting(deps, accepted);
  if (values.wait !== true && values.out === undefined) {
    return terminal.out(values.json === true ? `${JSON.stringify(accepted)}\n` : `${accepted.id}\n`);
  }
  if (values.json !== true) terminal.err(`${accepted.id}\n`);
  const job = await watchJob(deps, accepted.id);
  const paths = values.out === undefined ? [] : await saveOutputs(deps, job, values.out);
  warnOf(deps, job);
  const note = values.json === true ? undefined : demoJobNote(job);
  if (note !== undefined) terminal.err(`${note}\n`);
  terminal.out(values.json === true ? `${JSON.stringify(job)}\n` : `${[...paths, jobLine(job)].join('\n')}\n`);
}

function formatOf(said: string | undefined): OutputFormat | undefined {
  if (said === undefined) return undefined;
  const format = OUTPUT_FORMATS.find((each) => each === said);
  if (format === undefined) throw new AppError('usage', `--format must be one of: ${OUTPUT_FORMATS.join(', ')}.`);
  return format;
}

function metadataOf(pairs: readonly string[] | undefined): Record<string, string> | undefined {
  if (pairs === undefined) return undefined;
  const metadata = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) throw new AppError('usage', `--metadata must be NAME=VALUE, got '${pair}'.`);
    const name = pair.slice(0, at);
    if (metadata.has(name)) throw new AppError('usage', `--metadata ${name} is given twice.`);
    metadata.set(name, pair.slice(at + 1));
  }
  return Object.fromEntries(metadata);
}
