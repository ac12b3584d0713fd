import { spawn } from 'node:child_process';
import { findPackageJSON } from 'node:module';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { builtDigest, digestPage, webFolder } from './page-digest.ts';

/** The part of a logger that is needed. */
export interface PageLog {
  info(line: object, message: string): void;
  warn(line: object, message: string): void;
}

export interface PageBuildOptions {
  readonly log: PageLog;
  /** Ends a build that is under way. */
  readonly signal?: AbortSignal;
  /** Where the page is to lie; for tests. */
  readonly folder?: string;
}

/** A build takes some seconds; on a machine that is busy, more. */
const BUILD_MS = 180_000;
const SHOWN_CHARACTERS = 2000;

/**
 * Builds the page where it is missing or older than its sources; a start that finds it built costs some milliseconds. Where
 * Vite is not installed, what was built before is used as it is. Never rejects: without a page the API serves a plain one,
 * and the log says why and what to do.
 */
export async function ensurePageBuilt({
  log,
  signal,
  folder = join(webFolder, 'dist'),
}: PageBuildOptions): Promise<void> {
  try {
    const built = await builtDigest(folder);
    if (!hasVite()) {
      if (built === undefined) log.warn({ remedy: REMEDY }, 'the page is not built and Vite is not installed');
      return;
    }
    if (built === (await digestPage())) return;
    const start = performance.now();
    log.info({}, 'the page is being built');
    const failure = await runBuild(folder, signal);
    if (signal?.aborted === true) return;
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    if (failure === undefined) log.info({ seconds }, 'the page is built');
    else log.warn({ seconds, failure, remedy: REMEDY }, `the page could not be built; ${substitute(built)}`);
  } catch (thrown) {
    log.warn({ failure: String(thrown), remedy: REMEDY }, 'the page could not be looked at');
  }
}

const REMEDY = 'Run `npm ci`, then start again.';

const substitute = (built: string | undefined): string =>
  built === undefined ? 'a plain one is served instead' : 'the one that was built before is served';

function hasVite(): boolean {
  try {
    return findPackageJSON('vite', import.meta.url) !== undefined;
  } catch {
    return false;
  }
}

/** In a process of its own, whose memory is given back. Returns what it complained of, or undefined where all went well. */
function runBuild(folder: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const signals = [AbortSignal.timeout(BUILD_MS), ...(signal === undefined ? [] : [signal])];
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any(signals),
  });
  let said = '';
  const hear = (text: string): void => {
    said = `${said}${text}`.slice(-SHOWN_CHARACTERS);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);
  child.on('error', (error) => hear(error.message));
  child.on('close', (code) =>
    resolve(code === 0 ? undefined : stripVTControlCharacters(said).trim() || 'it was ended'),
  );
  return promise;
}
