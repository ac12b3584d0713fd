import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { pause } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type { HttpApi } from '../app.ts';
import { requestIdOf } from '../middleware/request-id.ts';
import { problemResponse } from '../problem.ts';
import { createGuardedServer, type GuardedServerOptions } from './guarded-server.ts';

export interface ServerOptions extends GuardedServerOptions {
  readonly app: HttpApi;
  /** Address to listen on. */
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
  /**
   * Milliseconds between `drain` and the end of listening, in which a balancer learns from `/readyz` to send its requests
   * elsewhere. 0 by default.
   */
  readonly drainMs?: number | undefined;
}

export interface RunningServer {
  /** The address of the server on this machine, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /**
   * Says that it will close: `/readyz` answers 503, and each connection is closed after its next answer. All requests are
   * still answered.
   */
  drain(): void;
  /**
   * Drains for as long as it has to, then takes no more connections, ends streams and waits, and lets running requests finish for `graceMs`. Connections that
   * are still open after that are closed.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves the API over HTTP/1.1. Throws AppError `port_in_use`, or `usage` for an address that cannot be listened on.
 */
export async function startHttpServer(options: ServerOptions): Promise<RunningServer> {
  const { app, host } = options;
  const server = createHttpServer(options);
  await listen(server, host, options.port);
  const { port } = boundAddress(server);
  let drained: Promise<void> | undefined;
  let closed: Promise<void> | undefined;
  const drain = (): Promise<void> => {
    app.drain();
    drained ??= pause(options.drainMs ?? 0);
    return drained;
  };
  return {
    url: `http://${hostInUrl(host)}:${port}`,
    port,
    drain: () => void drain(),
    close(graceMs) {
      closed ??= drain().then(() => closeServer(server, app, graceMs));
      return closed;
    },
  };
}

function createHttpServer({ app, timeouts, linger }: ServerOptions): Server {
  const answer = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    hostname: 'localhost',
    errorHandler: (thrown) => answerUnreadable(thrown),
    // The guarded server does that, with limits of its own.
    autoCleanupIncoming: false,
  });
  return createGuardedServer((incoming, outgoing) => void answer(incoming, outgoing), { timeouts, linger });
}

/** Answers a request whose address or Host header cannot be parsed. */
function answerUnreadable(cause: unknown): Response {
  const error = new AppError('request_malformed', 'The request line or the Host header is wrong.', { cause });
  return problemResponse(error, requestIdOf(undefined), { Connection: 'close' });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code === 'EADDRINUSE') throw new AppError('port_in_use', `The port ${port} of ${host} is taken.`, { cause });
    throw new AppError('usage', `The address ${host}:${port} cannot be listened on (${code}).`, {
      hint: 'Set HOST to an address of this machine, and PORT to one that this user may use.',
      cause,
    });
  } finally {
    server.off('error', reject);
  }
}

function boundAddress(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new AppError('internal', 'The server has no port.');
  return address;
}

function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function closeServer(server: Server, app: HttpApi, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  app.stop();
  // A connection whose answer began before `stop` was not told to close; it is closed once it is idle.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await promise;
  clearInterval(sweep);
  clearTimeout(cut);
}
