import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { pause } from '@qwen-edit/async';
import { AppError, ERRORS, PROBLEM_MEDIA_TYPE, problemOf } from '@qwen-edit/contract';
import type { HttpApi } from './app.ts';
import { type HttpTimeoutOptions, httpTimeouts } from './http-timeouts.ts';
import { requestIdOf } from './middleware/request-id.ts';
import { problemResponse } from './problem.ts';

export interface ServerOptions {
  readonly app: HttpApi;
  /** Address to listen on. */
  readonly host: string;
  /** 0 = a free one. */
  readonly port: number;
  /** How long connections and requests may take. */
  readonly timeouts?: HttpTimeoutOptions | undefined;
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

const MAX_HEADER_BYTES = 32_768;

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

function createHttpServer({ app, timeouts }: ServerOptions): Server {
  const answer = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    hostname: 'localhost',
    errorHandler: (thrown) => answerUnreadable(thrown),
  });
  const answers = new WeakMap<Duplex, ServerResponse>();
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    answers.set(incoming.socket, outgoing);
    void answer(incoming, outgoing);
  };
  const server = createServer({ ...httpTimeouts(timeouts), maxHeaderSize: MAX_HEADER_BYTES }, listener);
  // Without this, node:http would ask for every body, also for one that is refused by its headers.
  server.on('checkContinue', listener);
  server.on('clientError', (error, socket) => {
    const current = answers.get(socket);
    const begun = current?.headersSent === true && !current.writableFinished;
    if (begun || !socket.writable) socket.destroy();
    else refuse(error, socket);
  });
  return server;
}

/** Answers a request whose address or Host header cannot be parsed. */
function answerUnreadable(cause: unknown): Response {
  return problemResponse(
    new AppError('request_malformed', 'The request line or the Host header is wrong.', { cause }),
    requestIdOf(undefined),
  );
}

const REFUSALS: Readonly<Record<string, AppError>> = {
  HPE_HEADER_OVERFLOW: new AppError('request_too_large', `The headers have more than ${MAX_HEADER_BYTES} bytes.`),
  ERR_HTTP_REQUEST_TIMEOUT: new AppError('request_timeout', 'The request took too long to arrive.'),
};

/** Answers a request that node:http's parser refused, and closes the connection. */
function refuse(error: Error, socket: Duplex): void {
  const code = 'code' in error ? String(error.code) : '';
  const refusal = REFUSALS[code] ?? new AppError('request_malformed', 'The request is not well-formed HTTP.');
  const body = JSON.stringify(problemOf(refusal, requestIdOf(undefined)));
  const { status, title } = ERRORS[refusal.code];
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
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
