import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readDataDirLock } from '@qwen-edit/db';
import { fileObjects } from './objects.ts';
import { processesWith } from './process-table.ts';
import { startOutside } from './receiver.ts';
import { createServiceProcesses } from './service-processes.ts';
import { prepare, type System, startedOrRemoved } from './system.ts';
import { pollUntil } from './waiting.ts';

/** The small size: one `serve`, which runs its own database, storage and queue. `changes`: to its settings. */
export async function startEmbedded(changes: Readonly<Record<string, string>> = {}): Promise<System> {
  const { folder, env: prepared } = await prepare();
  const env = { ...prepared, ...changes };
  const dataDir = join(folder, 'data');
  const outside = await startOutside();
  const service = createServiceProcesses(env, folder);
  // A service that is killed leaves its database behind, by design; a test run that is cut off must not.
  const killDatabase = (): void => endDatabase(dataDir);
  process.on('exit', killDatabase);

  const processes = () => processesWith(folder);
  const system: System = {
    folder,
    outside,
    objects: fileObjects(join(dataDir, 'objects')),
    queues: [],
    accepted: new Set(),
    databaseUrl: () =>
      pollUntil('a service that tells of its database', async () => {
        const lock = await readDataDirLock(dataDir);
        return typeof lock?.database_url === 'string' && lock.database_url;
      }),
    members: service.members,
    everyone: service.members,
    start: (_part, more) => service.start('serve', more),
    processes,
    databasePid: () => databasePid(dataDir),
    lastOutput: service.lastOutput,
    stop: () => Promise.all(service.members().map((member) => member.stop())),
    async remove() {
      await service.kill();
      killDatabase();
      process.off('exit', killDatabase);
      outside.close();
      await pollUntil('the end of all processes', async () => (await processes()).length === 0);
      await rm(folder, { recursive: true, force: true });
    },
  };
  return startedOrRemoved(system, () => service.start('serve'));
}

/** The process id of the database of a data folder, also if its service was killed. */
export function databasePid(dataDir: string): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  } catch {
    return undefined;
  }
}

export function endDatabase(dataDir: string): void {
  const pid = databasePid(dataDir);
  try {
    if (pid !== undefined) process.kill(pid, 'SIGQUIT');
  } catch {
    // The database has ended and left its pid file.
  }
}
