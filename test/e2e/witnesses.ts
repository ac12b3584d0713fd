import { expect } from 'vitest';
import { findViolations, type Witnesses } from '../faults/invariants.ts';
import { countOpenFiles } from './process-table.ts';
import { isEngine, type System } from './system.ts';

/** Files and pipes that each process had open when all was first quiet. */
const openFiles = new Map<number, number>();

/** The five invariants hold of everything that this service has done so far. */
export async function expectInvariants(system: System): Promise<void> {
  const witnesses: Witnesses = {
    databaseUrl: await system.databaseUrl(),
    objects: system.objects,
    queues: system.queues,
    accepted: system.accepted,
    get deliveries() {
      return system.outside.received.map(({ url, headers, body, answer }) => ({
        url,
        webhookId: headers['webhook-id'] ?? '',
        body,
        taken: typeof answer === 'number' && answer >= 200 && answer < 300,
      }));
    },
    processes: () => findLeftOver(system),
  };
  expect(await findViolations(witnesses)).toEqual([]);
}

/** Each worker has one engine, and nothing else is there that nobody started; no process has more open than at first. */
async function findLeftOver(system: System): Promise<readonly string[]> {
  const found: string[] = [];
  const workers = new Set(system.members('worker').map(({ pid }) => pid));
  const known = new Set([...system.everyone().map(({ pid }) => pid), system.databasePid()]);
  const engines = new Map<number, number>();
  for (const row of await system.processes()) {
    if (known.has(row.pid)) continue;
    const ofWorker = isEngine(row) && workers.has(row.parent);
    if (ofWorker) engines.set(row.parent, (engines.get(row.parent) ?? 0) + 1);
    else found.push(`a process is left over: ${row.pid} ${row.text.slice(0, 200)}`);
  }
  for (const pid of workers)
    if (engines.get(pid) !== 1) found.push(`the worker ${pid} has ${engines.get(pid) ?? 0} engines`);
  for (const { pid, role } of system.everyone()) {
    const count = await countOpenFiles(pid);
    if (count === undefined) continue;
    const first = openFiles.get(pid) ?? count;
    if (count > first) found.push(`the ${role} ${pid} has ${count} files and pipes open, not ${first}`);
    else if (found.length === 0) openFiles.set(pid, first);
  }
  return found;
}
