import { AppError } from '@qwen-edit/contract';
import { createLogger, createMetrics, type Logger, type Metrics } from '@qwen-edit/telemetry';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { type Backends, openBackends } from './backends.ts';
import { type CheckedSettings, checkSettings } from './check-settings.ts';
import { readSigningSecret } from './data-dir.ts';
import { describeProcess } from './process-metrics.ts';
import type { Role } from './role-command.ts';

/** What every role needs. */
export interface RoleDeps {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly version: string;
  /** What --model says; see chooseModel. */
  readonly modelFlag: string | undefined;
  /** The checkpoint that is used if no other is named. */
  readonly demoModelDir: string;
  readonly createPipeline: typeof import('@qwen-edit/pipeline').createPipeline;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM: the role then drains and resolves. */
  readonly signal: AbortSignal;
}

/** A role's connections and instruments. */
export interface RoleContext {
  readonly config: Config;
  readonly backends: Backends;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly signingSecret: string;
}

/** Runs one part of a deployment against the servers that its URLs name, and closes its connections when it ends. */
export async function withContext(
  role: Exclude<Role, 'serve'>,
  deps: RoleDeps,
  work: (context: RoleContext, checked: CheckedSettings) => Promise<void>,
): Promise<void> {
  const { config } = deps;
  if (config.databaseUrl === undefined) {
    throw new AppError('usage', `qwen-edit ${role} needs DATABASE_URL.`, {
      hint: 'Set DATABASE_URL to a PostgreSQL server, or run `qwen-edit serve`, which brings its own.',
    });
  }
  const checked = await checkSettings(role, deps);
  const log = createLogger({ level: config.logLevel, role });
  for (const note of checked.notes) log.warn(note);
  const signingSecret = await readSigningSecret(config.dataDir);
  const metrics = createMetrics();
  const backends = await openBackends(config, {
    databaseUrl: config.databaseUrl,
    signingSecret,
    baseUrl: () => config.publicUrl ?? `http://${config.host}:${config.port}`,
    role,
    log,
    metrics,
  });
  const working = new AbortController();
  describeProcess(metrics, { role, config, version: deps.version, model: checked.model, signal: working.signal });
  try {
    await work({ config, backends, log, metrics, signingSecret }, checked);
  } finally {
    working.abort();
    await backends.close();
  }
}
