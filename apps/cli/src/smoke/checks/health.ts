import { pause } from '@qwen-edit/async';
import { AppError, type Health, healthSchema, parsedJson } from '@qwen-edit/contract';
import { ownProblem, problemError } from '../calls.ts';
import { passedWith, type SmokeCheck, type SmokeContext, smokeFault } from '../check.ts';

const READY_MS = 60_000;

/** Database and storage can be used, and the model is there or will be. Waits while it loads. */
export const checkHealth: SmokeCheck = {
  name: 'health',
  needs: ['reachable'],
  async run(context) {
    const { settings, note, signal, facts } = context;
    await untilReady(context);
    for (const end = Date.now() + settings.timeoutMs; ; ) {
      const health = await healthOf(context);
      facts.serviceVersion = health.version;
      if (health.model_status === 'failed') throw modelFailed(health);
      if (health.model_status !== 'loading') return passedWith(healthLine(health, context.version));
      const progress = downloadLine(health);
      if (Date.now() >= end)
        throw smokeFault(
          `The model has been loading for more than ${settings.timeoutMs / 1000} s${progress}.`,
          'Wait longer with --timeout. If it stands still, look at the log of the worker.',
        );
      note(`waiting: the model is being loaded${progress}`);
      await pause(settings.pollMs, signal);
      if (signal.aborted) throw new AppError('canceled', 'The checks were stopped.');
    }
  },
};

/** A service that starts, or is busy, may not be ready for a moment. */
async function untilReady({ stranger, settings, note, signal }: SmokeContext): Promise<void> {
  for (const end = Date.now() + Math.min(READY_MS, settings.timeoutMs); ; ) {
    const ready = await stranger.answer('readyz');
    if (ready.status === 200) return;
    const { retryable, detail } = ownProblem(ready);
    if (!retryable || Date.now() >= end) throw problemError(ready);
    note(`waiting: ${detail}`);
    await pause(settings.pollMs, signal);
    if (signal.aborted) throw new AppError('canceled', 'The checks were stopped.');
  }
}

async function healthOf({ stranger, version }: SmokeContext): Promise<Health> {
  const { text } = await stranger.own('health');
  const health = healthSchema.safeParse(parsedJson(text));
  if (health.success) return health.data;
  throw smokeFault(
    'The answer of /health has another form than expected.',
    `This command is of version ${version}. Use the one of the service's version: \`qwen-edit smoke\` is in its images.`,
  );
}

function modelFailed({ workers }: Health): AppError {
  const [said] = workers.flatMap(({ last_error }) => last_error ?? []);
  return smokeFault(
    `No worker could load the model${said === undefined ? '.' : `: ${said}`}`,
    'Look at the log of the worker; `qwen-edit doctor` and `qwen-edit model verify` on its machine say what is wrong.',
  );
}

function healthLine({ version, model, model_status, workers }: Health, own: string): string {
  const other = version === own ? '' : ` (this command is ${own})`;
  const service = `version ${version}${other}`;
  if (workers.length === 0) return `${service}, no worker runs now: one has to be started when a job waits`;
  const ready = workers.filter((worker) => worker.ready).length;
  const state = model_status === 'unloaded' ? 'is loaded with the first job' : (model_status ?? 'has no state');
  return `${service}, model ${model ?? 'unknown'} ${state}, ${ready} of ${workers.length} workers ready, ${workers[0]?.queue_len ?? 0} jobs wait`;
}

/** How far the furthest download is. */
function downloadLine({ workers }: Health): string {
  const shares = workers.flatMap(({ download }) =>
    download === null || download.bytes === 0 ? [] : [(100 * download.bytes_done) / download.bytes],
  );
  return shares.length === 0 ? '' : `, ${Math.max(...shares).toFixed(0)} % of it downloaded`;
}
