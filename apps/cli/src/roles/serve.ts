import { randomBytes } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import {
  acquireDataDirLock,
  type EmbeddedPostgres,
  migrateDatabase,
  startEmbeddedPostgres,
  takeOver,
} from '@qwen-edit/db';
import { createLogger, createMetrics } from '@qwen-edit/telemetry';
import { ensurePageBuilt } from '@qwen-edit/web';
import { demoNote } from '../demo-note.ts';
import { createDownloadLine } from '../model/download-line.ts';
import { openBackends, requireUsableSchema } from './backends.ts';
import { checkSettings } from './check-settings.ts';
import { readSigningSecret } from './data-dir.ts';
import { describeProcess } from './process-metrics.ts';
import type { RoleContext, RoleDeps } from './role.ts';
import { startApi } from './start-api.ts';
import { runLocalDispatcher } from './start-dispatcher.ts';
import { runLocalWorkers } from './start-worker.ts';

/** The guide's queue: more than that many waiting jobs are a mistake on a laptop. */
const MAX_QUEUE = 20;
/** A laptop may be closed over a weekend while jobs wait. */
const DEADLINE_MS = 7 * 24 * 3_600_000;
const WORKER_GRACE_MS = 5_000;
const API_GRACE_MS = 2_000;

/** What was opened, to be closed in the reverse order. */
interface Stack {
  add(close: () => Promise<unknown>): void;
  close(): Promise<void>;
}

/**
 * All roles in one process, on the embedded PostgreSQL unless DATABASE_URL names another. Resolves when it was told to stop
 * and has drained: workers first, while the API still answers; then dispatcher, API, connections, and the database last.
 */
export async function serve(deps: RoleDeps): Promise<void> {
  const stack = createStack();
  try {
    await serveWith(stack, deps);
  } finally {
    await stack.close();
  }
}

async function serveWith(stack: Stack, deps: RoleDeps): Promise<void> {
  const { config, signal, terminal } = deps;
  const downloadLine = createDownloadLine(deps);
  const log = createLogger({
    level: config.logLevel,
    role: 'serve',
    ...(terminal.errIsTty ? { write: aboveDownload } : {}),
  });
  const { model, engines, notes } = await checkSettings('serve', deps);
  for (const note of notes) log.warn(note);
  // 1. The data folder is ours, and its database runs.
  const lock = await acquireDataDirLock(config.dataDir);
  stack.add(() => lock.release());
  const page = ensurePageBuilt({ log, signal });
  const broken = new AbortController();
  const own = config.databaseUrl === undefined ? await startDatabase() : undefined;
  const databaseUrl = config.databaseUrl ?? own?.url ?? '';
  if (signal.aborted) return;

  // 2. Connections.
  const signingSecret = await readSigningSecret(config.dataDir);
  let url = '';
  const metrics = createMetrics();
  const backends = await openBackends(config, {
    databaseUrl,
    signingSecret,
    baseUrl: () => config.publicUrl ?? url,
    role: 'serve',
    log,
    metrics,
  });
  stack.add(() => backends.close());
  const working = new AbortController();
  stack.add(async () => working.abort());
  describeProcess(metrics, { role: 'serve', config, version: deps.version, model, signal: working.signal });
  if (config.databaseUrl === undefined) await migrateDatabase(backends.database, { signal });
  else await requireUsableSchema(backends, log);
  await backends.check(signal);
  await takeOverFormer();
  const context: RoleContext = { config, backends, log, metrics, signingSecret };

  // 3. The API, with its page.
  await page;
  const localToken = randomBytes(32).toString('base64url');
  const embedded = config.databaseUrl === undefined ? { defaultMaxQueue: MAX_QUEUE } : {};
  const server = await startApi(context, {
    version: deps.version,
    localToken,
    defaultDeadlineMs: DEADLINE_MS,
    ...embedded,
  });
  url = server.url;
  stack.add(() => server.close(API_GRACE_MS));
  signal.addEventListener('abort', server.drain, { once: true });
  await lock.update({ url, token: localToken, database_url: databaseUrl });

  // 4. Workers and dispatcher, until the signal, or until one of them or the database breaks.
  const dispatching = new AbortController();
  const stop = AbortSignal.any([signal, broken.signal]);
  const dispatcher = runLocalDispatcher(context, {
    baseUrl: config.publicUrl ?? url,
    signal: dispatching.signal,
    defaultDeadlineMs: DEADLINE_MS,
  }).catch((thrown: unknown) => broken.abort(thrown));
  stack.add(async () => {
    dispatching.abort();
    await dispatcher;
  });
  terminal.out(`qwen-edit ${deps.version} is ready at ${url}\n`);
  let noted = false;
  await runLocalWorkers(context, deps, {
    graceMs: config.graceMs ?? WORKER_GRACE_MS,
    signal: stop,
    model,
    engines,
    onDownload: downloadLine.show,
    onModel(loaded) {
      const note = demoNote(loaded);
      if (note !== undefined && !noted) terminal.out(`${note}\n`);
      noted = true;
    },
  });
  if (broken.signal.aborted) throw broken.signal.reason;

  function aboveDownload(line: string): void {
    downloadLine.clear();
    terminal.out(line);
  }

  /**
   * Those who held this folder before and were killed need not be waited for. An own database that has a new port is reached by
   * nobody of former times; one that runs on may also serve a worker that was started beside us.
   */
  async function takeOverFormer(): Promise<void> {
    const ended = own?.adopted === false ? 'all' : lock.former;
    const jobs = await takeOver(backends.database.db, { ended, alone: own !== undefined });
    if (lock.former.length > 0) await lock.update({ former: [] });
    if (jobs.length > 0) log.warn({ job_ids: jobs }, 'took over the jobs of a service that was killed');
  }

  async function startDatabase(): Promise<EmbeddedPostgres> {
    const database = await startEmbeddedPostgres({
      dataDir: config.dataDir,
      log: (line) => log.info(line),
      signal,
      onExit: (reason) =>
        broken.abort(new AppError('embedded_database_failed', `The embedded database has ended: ${reason}`)),
    });
    stack.add(() => database.stop());
    if (database.adopted) log.warn({ pid: database.pid }, 'took over the database of a service that was killed');
    return database;
  }
}

function createStack(): Stack {
  const closers: (() => Promise<unknown>)[] = [];
  return {
    add: (close) => void closers.push(close),
    async close() {
      const failures: unknown[] = [];
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
        // What cannot be closed must not keep the rest open.
        await close().catch((thrown: unknown) => failures.push(thrown));
      }
      if (failures.length > 0) throw failures[0];
    },
  };
}
