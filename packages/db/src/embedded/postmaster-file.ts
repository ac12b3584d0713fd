import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, processStart } from './process-info.ts';

/** What a running server writes about itself into `postmaster.pid`. Source: pidfile.h of PostgreSQL. */
export interface ServerFile {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`; empty before the first. */
  readonly status: string;
}

/** Reads the file of a cluster's server; undefined if there is none. */
export async function readServerFile(cluster: string): Promise<ServerFile | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return Number.isInteger(pid) && pid > 0 ? { pid, port, status: (lines[7] ?? '').trim() } : undefined;
}

/** A server that was found running. */
export interface FoundServer extends ServerFile {
  /** undefined if the system does not tell: then it may be another process, with the id of a server that has ended. */
  readonly commandLine: string | undefined;
}

/**
 * The server that runs on a cluster; undefined if there is none. Its command line names the cluster's folder, which tells it from
 * another process that has the id of a server that has ended.
 */
export async function findServer(cluster: string): Promise<FoundServer | undefined> {
  const file = await readServerFile(cluster);
  if (file === undefined || (await processStart(file.pid)) === undefined) return undefined;
  const line = await commandLine(file.pid);
  return line === undefined || line.includes(` -D ${cluster} -c `) ? { ...file, commandLine: line } : undefined;
}

/** True if a server was started with this program, or if that cannot be known. */
export function isOfProgram(server: FoundServer, program: string): boolean {
  return server.commandLine === undefined || server.commandLine.startsWith(`${program} `);
}
