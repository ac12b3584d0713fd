import type { Database } from '@qwen-edit/db';
import type { Metrics } from '@qwen-edit/telemetry';
import type { Config } from '../settings.ts';
import type { CheckedModel } from './check-settings.ts';
import { measureDisks, writtenFolders } from './disk-metrics.ts';
import type { Role } from './role-command.ts';

export interface RunningProcess {
  readonly role: Role;
  readonly version: string;
  readonly config: Config;
  /** What its workers load. */
  readonly model: CheckedModel | undefined;
  /** Ends the measuring. */
  readonly signal: AbortSignal;
}

/** Shows what a process is, and the disks that it writes to. */
export function describeProcess(
  metrics: Pick<Metrics, 'buildInfo' | 'diskBytes'>,
  { role, version, config, model, signal }: RunningProcess,
): void {
  metrics.buildInfo.set({ version, role }, 1);
  void measureDisks(metrics, writtenFolders(role, config, model), signal);
}

/** Shows with each scrape how the connections to the database are used at that moment. */
export function showPool(
  { onScrape, poolConnections, poolWaiting }: Pick<Metrics, 'onScrape' | 'poolConnections' | 'poolWaiting'>,
  { poolState }: Pick<Database, 'poolState'>,
): void {
  onScrape(() => {
    const { used, idle, waiting } = poolState();
    poolConnections.set({ state: 'used' }, used);
    poolConnections.set({ state: 'idle' }, idle);
    poolWaiting.set(waiting);
  });
}
