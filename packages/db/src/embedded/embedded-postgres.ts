import { AppError } from '@qwen-edit/contract';
import { type Binaries, installBinaries, removeOldBinaries } from './binaries.ts';
import { checkVersion, ensureCluster, readPasswords, removeUnfinished } from './cluster.ts';
import { chooseIdentity, ROOT_WAYS, type RootWay } from './identity.ts';
import { findPlaces, type Places } from './places.ts';
import { findServer, isOfProgram } from './postmaster-file.ts';
import { prepareDatabase } from './prepare-database.ts';
import { refuseUnfinishedRestore } from './restore-mark.ts';
import { limitLog } from './server-log.ts';
import { type ServerProcess, stopServer, watchServer } from './server-process.ts';
import { startPostgresServer, stopFound } from './start-server.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster in its folder `postgres` and the server's log in `postgres.log`. Made if it is missing. */
  readonly dataDir: string;
  /** Gets a line about anything unusual. */
  readonly log?: (line: string) => void;
  /** Cancels the start, with AppError `canceled`. It does not stop a server that runs. */
  readonly signal?: AbortSignal;
  /** Called once if the server ends without `stop`, with a sentence that tells how. */
  readonly onExit?: (reason: string) => void;
  /** How long each of the two gentle ways to stop may take; 10 s by default. */
  readonly stopGraceMs?: number;
  /** The ways that a start as root may take, instead of all of them. */
  readonly rootWays?: readonly RootWay[];
  /** True for who restores into the folder: to anybody else it is closed meanwhile, and after a restore that was killed. */
  readonly restoring?: boolean;
}

/** A running server of a data folder. */
export interface EmbeddedPostgres {
  /** postgres://user:password@127.0.0.1:port/qwen_edit. The user owns the database and is no superuser. */
  readonly url: string;
  readonly port: number;
  /** Process id of the server. */
  readonly pid: number;
  /** True if the server was found running, because the process that started it was killed. */
  readonly adopted: boolean;
  /** Ends all connections and the server, and resolves when it has ended. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 10_000;

/**
 * Starts PostgreSQL 18 for one data folder, with the binaries that npm installed. The caller must hold the lock of the folder
 * (acquireDataDirLock). If our process is killed, the server keeps running, and the next start takes it over or replaces it. It
 * listens on a free port of 127.0.0.1 only. It never runs as root: see `ROOT_WAYS`.
 *
 * @example
 * const lock = await acquireDataDirLock('.qwen-edit');
 * const { url, stop } = await startEmbeddedPostgres({ dataDir: '.qwen-edit' });
 *
 * Errors: `embedded_database_failed`, `disk_full`, `output_unwritable`, `data_dir_locked` (another server uses the cluster),
 * `canceled`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    options.signal?.throwIfAborted();
    return await start(options);
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    if (options.signal?.aborted === true) {
      throw new AppError('canceled', 'The start of the database was cancelled.', { cause: thrown });
    }
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new AppError('embedded_database_failed', `The database does not start: ${message}`, { cause: thrown });
  }
}

async function start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { signal } = options;
  const places = await findPlaces(options.dataDir);
  if (options.restoring !== true) await refuseUnfinishedRestore(places.dataDir);
  await removeUnfinished(places);
  const binaries = await installBinaries(places);
  await checkVersion(places, binaries);
  const adopted = await adopt(places, binaries, options);
  if (adopted !== undefined) return adopted;

  const identity = await chooseIdentity(places, binaries.postgres, options.rootWays ?? ROOT_WAYS, signal);
  await ensureCluster(places, binaries, identity, signal);
  const { server, port } = await startPostgresServer({
    places,
    binaries,
    identity,
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const url = await prepareDatabase({ port, cluster: places.cluster, passwords: await readPasswords(places) });
    signal?.throwIfAborted();
    await removeOldBinaries(places, binaries);
    return running(server, { url, port, adopted: false }, places, binaries, options);
  } catch (thrown) {
    await stopServer(server, binaries, STOP_GRACE_MS);
    throw thrown;
  }
}

/** Takes over a server that was left running. If it has another version or does not answer, it is stopped instead. */
async function adopt(
  places: Places,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres | undefined> {
  const found = await findServer(places.cluster);
  const server = found === undefined ? undefined : await watchServer(found.pid);
  if (found === undefined || server === undefined) return undefined;
  const { port, pid } = found;
  try {
    if (!isOfProgram(found, binaries.postgres)) throw new AppError('embedded_database_failed', 'another version');
    const url = await prepareDatabase({ port, cluster: places.cluster, passwords: await readPasswords(places) });
    options.log?.(`Took over the database that was left running (process ${pid}).`);
    return running(server, { url, port, adopted: true }, places, binaries, options);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    options.log?.(`The database that was left running (process ${pid}) is replaced: ${why}`);
    await stopFound(found, server, binaries);
    return undefined;
  }
}

function running(
  server: ServerProcess,
  facts: { url: string; port: number; adopted: boolean },
  places: Places,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
): EmbeddedPostgres {
  const stopLimiting = limitLog(places.log);
  let stopping: Promise<void> | undefined;
  server.onEnd((how) => {
    stopLimiting();
    if (stopping === undefined) options.onExit?.(`The database ended ${how}; ${places.log} may tell why.`);
  });
  return {
    ...facts,
    pid: server.pid,
    stop() {
      stopping ??= stopServer(server, binaries, options.stopGraceMs ?? STOP_GRACE_MS).finally(stopLimiting);
      return stopping;
    },
  };
}
