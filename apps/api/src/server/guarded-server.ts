import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError } from '@qwen-edit/contract';
import { hasBody, isSending } from '../body/receive.ts';
import { headErrorOf, MAX_HEADER_BYTES, methodUnknown, parseErrorOf } from './check-head.ts';
import { type HttpTimeoutOptions, httpTimeouts } from './http-timeouts.ts';
import { closeGently, isClosing, LINGER, type LingerLimits } from './linger.ts';
import { refuseConnection, refuseRequest } from './refuse-raw.ts';

export interface GuardedServerOptions {
  readonly timeouts?: HttpTimeoutOptions | undefined;
  /** What is still taken of a request that was refused while it was being sent. */
  readonly linger?: Partial<LingerLimits> | undefined;
}

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/**
 * An HTTP server that leaves its listener well-formed requests only. What node:http would answer by itself, or not at all, is
 * answered with a problem, and whoever is answered while they still send can read the answer.
 */
export function createGuardedServer(listener: Listener, { timeouts, linger }: GuardedServerOptions = {}): Server {
  const limits = { ...LINGER, ...linger };
  const answers = new WeakMap<Duplex, ServerResponse>();
  const take = (incoming: IncomingMessage, outgoing: ServerResponse): boolean => {
    const { socket } = incoming;
    answers.set(socket, outgoing);
    outgoing.once('finish', () => {
      if (isSending(incoming)) closeGently(socket, limits);
      // What has arrived and nobody has read would hold up the next request on the connection.
      else incoming.resume();
    });
    const error = headErrorOf(incoming);
    if (error === undefined) return true;
    // What follows on the connection may be anything.
    outgoing.shouldKeepAlive = false;
    refuseRequest(incoming, outgoing, error);
    return false;
  };
  const serve: Listener = (incoming, outgoing) => {
    if (!take(incoming, outgoing)) return;
    if (!hasBody(incoming)) return listener(incoming, outgoing);
    // First the parser sees what came with the head: a small body is then there, and one that is malformed is refused.
    setImmediate(() => {
      if (!isClosing(incoming.socket)) listener(incoming, outgoing);
    });
  };
  const server = createServer(
    {
      ...httpTimeouts(timeouts),
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      // We look for it ourselves, and answer with a problem.
      requireHostHeader: false,
    },
    serve,
  );
  // Their bytes are limited; node:http would leave out those beyond a number without a word.
  server.maxHeadersCount = 0;
  server.on('connection', (socket) => {
    const destroySoon = socket.destroySoon.bind(socket);
    // node:http closes a connection so, after an answer that says it.
    socket.destroySoon = () => {
      const answered = answers.get(socket)?.req;
      if (answered !== undefined && isSending(answered)) closeGently(socket, limits);
      else destroySoon();
    };
  });
  // Without this, node:http would ask for every body, also for one that is refused by its headers.
  server.on('checkContinue', serve);
  server.on('checkExpectation', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const error = new AppError('expectation_failed', 'The Expect header asks for something else than 100-continue.');
    if (!take(incoming, outgoing)) return;
    outgoing.shouldKeepAlive = false;
    refuseRequest(incoming, outgoing, error);
  });
  const refuse = (stream: Duplex, error: AppError): void => {
    if (!(stream instanceof Socket)) return void stream.destroy();
    refuseConnection(stream, error);
    closeGently(stream, limits);
  };
  server.on('connect', (_incoming, stream) =>
    refuse(
      stream.on('error', () => undefined),
      methodUnknown(),
    ),
  );
  server.on('clientError', (error, stream) => {
    if (stream instanceof Socket && isClosing(stream)) return;
    const current = answers.get(stream);
    const begun = current?.headersSent === true && !current.writableFinished;
    if (begun || !stream.writable) stream.destroy();
    else refuse(stream, parseErrorOf(error));
  });
  return server;
}
