import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readDataDirLock } from '@qwen-edit/db';
import { createCrew } from './crew.ts';
import { fileObjects } from './objects.ts';
import { processesWith } from './process-table.ts';
import { startOutside } from './receiver.ts';
import { prepare, type System } from './system.ts';
import { until } from './waiting.ts';

/** The small size: one `serve`, which brings database, storage and queue. */
export async function startEmbedded(): Promise<System> {
  const { folder, env } = await prepare();
  const dataDir = join(folder, 'data');
  const outside = await startOutside();
  const crew = createCrew(env, folder);
  // A service that is killed leaves its database behind, by design; a test run that is cut off must not.
  const killDatabase = (): void => endDatabase(dataDir);
  process.on('exit', killDatabase);
  await crew.start('serve');

  const processes = () => processesWith(folder);
  return {
    folder,
    outside,
    objects: fileObjects(join(dataDir, 'objects')),
    queues: [],
    accepted: new Set(),
    databaseUrl: () =>
      until('a service that tells of its database', async () => {
        const lock = await readDataDirLock(dataDir);
        return typeof lock?.database_url === 'string' && lock.database_url;
      }),
    members: crew.members,
    everyone: crew.members,
    start: (_part, changes) => crew.start('serve', changes),
    processes,
    databasePid: () => databasePid(dataDir),
    story: crew.story,
    stop: () => Promise.all(crew.members().map((member) => member.stop())),
    async remove() {
      await Promise.all(crew.members().map((member) => member.stop('SIGKILL')));
      killDatabase();
      process.off('exit', killDatabase);
      outside.close();
      await until('the end of all processes', async () => (await processes()).length === 0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The process of the database of a data folder, also of one whose service was killed. */
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
    // It has ended, and left its file.
  }
}
