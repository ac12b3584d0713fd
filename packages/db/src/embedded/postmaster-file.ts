import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, processStart } from './process-info.ts';

/** What a running server says of itself in `postmaster.pid`. Source: pidfile.h of PostgreSQL. */
export interface ServerFile {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`; empty before the first. */
  readonly status: string;
}

export async function readServerFile(cluster: string): Promise<ServerFile | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return Number.isInteger(pid) && pid > 0 ? { pid, port, status: (lines[7] ?? '').trim() } : undefined;
}

/** A server that was found running. */
export interface FoundServer extends ServerFile {
  /** undefined where the system does not tell: then it may be another process with the id of a server that is gone. */
  readonly commandLine: string | undefined;
}

/**
 * The server that runs on a cluster, or undefined. A process that only has the id of a server that is gone is told apart by
 * its command line, which names the cluster's folder.
 */
export async function findServer(cluster: string): Promise<FoundServer | undefined> {
  const file = await readServerFile(cluster);
  if (file === undefined || (await processStart(file.pid)) === undefined) return undefined;
  const line = await commandLine(file.pid);
  return line === undefined || line.includes(` -D ${cluster} -c `) ? { ...file, commandLine: line } : undefined;
}

/** True when a server was started with this program, or nobody can tell. */
export function isOfProgram(server: FoundServer, program: string): boolean {
  return server.commandLine === undefined || server.commandLine.startsWith(`${program} `);
}
