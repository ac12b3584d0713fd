import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type AppError, ERRORS, PROBLEM_MEDIA_TYPE, problemOf } from '@qwen-edit/contract';
import { isSending } from '../body/receive.ts';
import { requestIdOf } from '../middleware/request-id.ts';

/** A problem, and the headers that go with it whichever way it is sent. */
function problemMessage(error: AppError, requestHeader?: string | undefined) {
  const requestId = requestIdOf(requestHeader);
  const body = JSON.stringify(problemOf(error, requestId));
  const headers = {
    'Content-Type': PROBLEM_MEDIA_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
  };
  return { body, headers };
}

/** Answers a request that no route gets to see. */
export function refuseRequest(incoming: IncomingMessage, outgoing: ServerResponse, error: AppError): void {
  const header = incoming.headers['x-request-id'];
  const { body, headers } = problemMessage(error, typeof header === 'string' ? header : undefined);
  if (isSending(incoming)) outgoing.shouldKeepAlive = false;
  outgoing.writeHead(ERRORS[error.code].status, headers).end(body);
}

/** Writes an answer to a connection on which node:http's parser found no request. */
export function refuseConnection(socket: Socket, error: AppError): void {
  const { body, headers } = problemMessage(error);
  const { status, title } = ERRORS[error.code];
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status} ${title}\r\nConnection: close\r\n${lines.join('')}\r\n${body}`);
}
