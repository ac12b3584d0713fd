import { AppError, didYouMean, maskUrl, nearestOf } from '@qwen-edit/contract';
import type { Config, Overrides } from '../config.ts';
import { readFlags } from '../flag-values.ts';
import { SMOKE_HELP } from '../help.ts';
import { wholeNumber } from '../numbers.ts';
import { findService } from '../service/find-service.ts';
import type { Terminal } from '../terminal.ts';
import { runSmoke, SMOKE_CHECKS } from './run-smoke.ts';
import { smokeJson, smokeLine, smokeSummary } from './smoke-report.ts';
import { readWebhookFlags } from './webhook-plan.ts';
import { listenForWebhooks } from './webhook-receiver.ts';

export interface SmokeCommandDeps {
  readonly terminal: Terminal;
  readonly configOf: (overrides: Overrides) => Config;
  readonly version: string;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

const OPTIONS = {
  url: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean' },
  skip: { type: 'string', multiple: true },
  timeout: { type: 'string' },
  prompt: { type: 'string' },
  'webhook-url': { type: 'string' },
  'webhook-listen': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const USUAL_TIMEOUT_SECONDS = 600;
const LONGEST_TIMEOUT_SECONDS = 86_400;
const POLL_MS = 250;
const USUAL_PROMPT = 'Turn this photo into grayscale';

/**
 * `qwen-edit smoke`: whether a deployment keeps what the API promises, from outside. Returns the exit code: 0 if nothing has failed,
 * 1 otherwise. Throws AppError `usage`, and `canceled` after Ctrl-C, when the jobs that it made are deleted.
 */
export async function smokeCommand(args: readonly string[], deps: SmokeCommandDeps): Promise<number> {
  const { values } = readFlags(args, OPTIONS);
  const { terminal, version, now, signal } = deps;
  if (values.help === true) {
    terminal.out(SMOKE_HELP);
    return 0;
  }
  const skip = skippedChecks(values.skip ?? []);
  const timeoutMs = timeoutOf(values.timeout);
  if (values.prompt?.trim() === '') throw new AppError('usage', '--prompt must say something.');
  const config = deps.configOf(values.url === undefined ? {} : { QWEN_EDIT_URL: values.url });
  const webhook = readWebhookFlags(values['webhook-listen'], values['webhook-url']);
  const service = await findService(config);
  const json = values.json === true;
  const start = now();
  const receiver = webhook?.listen === undefined ? undefined : await listenForWebhooks(webhook.listen);
  const run = await runSmoke({
    url: service.url,
    apiKey: values.key ?? service.apiKey,
    settings: {
      ...{ prompt: values.prompt ?? USUAL_PROMPT, timeoutMs, pollMs: POLL_MS },
      webhook: webhook === undefined ? undefined : { url: webhook.url, receiver, secret: config.webhookSecret },
    },
    ...{ version, skip, now, signal },
    fetch: globalThis.fetch,
    onCheck: (check) => json || terminal.out(smokeLine(check)),
    note: (text) => terminal.err(`${text}\n`),
  });
  receiver?.close();
  terminal.out(json ? smokeJson(maskUrl(service.url), run) : smokeSummary(run, (now() - start) / 1000));
  if (signal.aborted) throw new AppError('canceled', 'The checks were stopped.');
  return run.checks.some(({ result }) => result === 'failed') ? 1 : 0;
}

function timeoutOf(said: string | undefined): number {
  const seconds = wholeNumber('--timeout', said) ?? USUAL_TIMEOUT_SECONDS;
  if (seconds < 1 || seconds > LONGEST_TIMEOUT_SECONDS)
    throw new AppError('usage', `--timeout must lie between 1 and ${LONGEST_TIMEOUT_SECONDS} seconds, got ${seconds}.`);
  return seconds * 1000;
}

function skippedChecks(values: readonly string[]): ReadonlySet<string> {
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim());
  const unknown = names.find((name) => !SMOKE_CHECKS.includes(name));
  if (unknown === undefined) return new Set(names);
  const meant = didYouMean(nearestOf(unknown, [...SMOKE_CHECKS]));
  throw new AppError('usage', `There is no check '${unknown}'.${meant}`, {
    hint: `The checks are ${SMOKE_CHECKS.join(', ')}.`,
  });
}
