import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { MigrateEvent } from '../../packages/db/src/index.ts';

/** A process that migrates, to be killed. */
export interface MigratingProcess {
  /** Waits until it says something of this kind. */
  until(wanted: (event: MigrateEvent) => boolean): Promise<MigrateEvent>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export function startMigrating(url: string, folder: string): MigratingProcess {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    process.execPath,
    [join(import.meta.dirname, 'migrate-program.ts'), url, folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  const events: MigrateEvent[] = [];
  let wake = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line) as MigrateEvent);
    wake.resolve();
    wake = Promise.withResolvers();
  });
  return {
    kill,
    async until(wanted) {
      for (;;) {
        const found = events.find(wanted);
        if (found !== undefined) return found;
        const dead = ended.then(([code]) => Promise.reject(new Error(`it has ended with ${code}`)));
        await Promise.race([wake.promise, dead]);
      }
    },
  };
}
