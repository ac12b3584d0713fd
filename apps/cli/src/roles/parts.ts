import { once } from 'node:events';
import { ensurePageBuilt } from '@qwen-edit/web';
import { requireUsableSchema } from './backends.ts';
import { startMetricsServer } from './metrics-server.ts';
import { type RoleContext, type RoleDeps, withContext } from './role.ts';
import { startApi } from './start-api.ts';
import { runLocalDispatcher } from './start-dispatcher.ts';

/** How long jobs wait where neither their request nor QWEN_EDIT_DEADLINE_SECONDS says. */
const DEADLINE_MS = 24 * 3_600_000;
const API_GRACE_MS = 10_000;
const WORKER_GRACE_MS = 25_000;

/** `qwen-edit api`: answers until it is told to stop. */
export function runApi(deps: RoleDeps): Promise<void> {
  return withContext('api', deps, async (context) => {
    await requireUsableSchema(context.backends, context.log);
    await ensurePageBuilt({ log: context.log, signal: deps.signal });
    const server = await startApi(context, { version: deps.version, defaultDeadlineMs: DEADLINE_MS });
    deps.terminal.out(`qwen-edit ${deps.version} api is ready at ${server.url}\n`);
    if (!deps.signal.aborted) await once(deps.signal, 'abort');
    await server.close(context.config.graceMs ?? API_GRACE_MS);
  });
}

/** `qwen-edit worker`: edits until it is told to stop. */
export function runWorkerRole(deps: RoleDeps): Promise<void> {
  return withContext('worker', deps, async (context, { model, engines }) => {
    await requireUsableSchema(context.backends, context.log);
    const graceMs = context.config.graceMs ?? WORKER_GRACE_MS;
    await measured(context, async () => {
      deps.terminal.out(`qwen-edit ${deps.version} worker has started\n`);
      // What the other parts have no use for.
      const { runLocalWorkers } = await import('./start-worker.ts');
      await runLocalWorkers(context, deps, { graceMs, signal: deps.signal, model, engines });
    });
  });
}

/** `qwen-edit dispatcher`: relays, reaps, calls back and sweeps until it is told to stop. */
export function runDispatcherRole(deps: RoleDeps): Promise<void> {
  return withContext('dispatcher', deps, async (context) => {
    await requireUsableSchema(context.backends, context.log);
    const { publicUrl, host, port } = context.config;
    await measured(context, async () => {
      deps.terminal.out(`qwen-edit ${deps.version} dispatcher has started\n`);
      const baseUrl = publicUrl ?? `http://${host}:${port}`;
      await runLocalDispatcher(context, { baseUrl, signal: deps.signal, defaultDeadlineMs: DEADLINE_MS });
    });
  });
}

/** Runs a role with its metrics to be scraped, where a port is set for that; the API has them on its own. */
async function measured({ config, metrics }: RoleContext, run: () => Promise<void>): Promise<void> {
  if (config.metricsPort === undefined) return run();
  const { host, metricsPort: port, keepAliveMs, allowedHosts } = config;
  const server = await startMetricsServer(metrics, { host, port, keepAliveMs, allowedHosts });
  try {
    await run();
  } finally {
    await server.close();
  }
}
