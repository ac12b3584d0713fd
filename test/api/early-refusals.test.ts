import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createApiKey } from '../../packages/db/src/index.ts';
import { picture, startTestApi, submitOne, type TestApi, type TestApiOptions } from './harness.ts';
import { head, openRaw, type RawAnswer } from './raw-http.ts';

const MB = 1_000_000;
const BODY = 20 * MB;
const CALLERS = 12;
const PIECE = Buffer.alloc(MB, ' ');
const JSON_TYPE = 'Content-Type: application/json';

/**
 * Sends all of its body before it looks for an answer, as most libraries do. A reset throws away what was not read yet, so
 * that this caller sees what they see.
 */
async function sendsFirst(port: number, ...headers: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.pause();
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  socket.on('error', reject).on('close', () => resolve());
  const write = (bytes: Buffer | string) =>
    Promise.race([new Promise<void>((written) => void socket.write(bytes, () => written())), over]);
  await write(head(JSON_TYPE, ...headers));
  for (let sent = 0; sent < BODY; sent += PIECE.length) await write(PIECE);
  let received = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text;
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  socket.on('end', () => end()).resume();
  await Promise.race([ended, over]);
  socket.destroy();
  return received;
}

const statusOf = (received: string) => ({
  status: Number(received.slice(9, 12)),
  code: (JSON.parse(/\{.*\}/s.exec(received)?.[0] ?? '{}') as { code?: string }).code,
});

const REFUSALS: readonly [string, TestApiOptions, readonly string[], number, string, ((api: TestApi) => unknown)?][] = [
  ['without a key', { keysRequired: true }, [`Content-Length: ${BODY}`], 401, 'unauthorized'],
  ['for a body above the limit', { limits: { bodyBytes: MB } }, [`Content-Length: ${BODY}`], 413, 'request_too_large'],
  ['for its encoding', {}, [`Content-Length: ${BODY}`, 'Content-Encoding: gzip'], 415, 'media_type_unsupported'],
  ['for its memory', { limits: { bytesInFlight: MB } }, [`Content-Length: ${BODY}`], 503, 'not_ready'],
  ['for a header that comes twice', {}, [`Content-Length: ${BODY}`, JSON_TYPE], 400, 'request_malformed'],
  ['for what it expects', {}, [`Content-Length: ${BODY}`, 'Expect: 200-ok'], 417, 'expectation_failed'],
  ['for what is no chunk', {}, ['Transfer-Encoding: chunked'], 400, 'request_malformed'],
];

describe('a caller that is refused while it still sends reads the whole answer', () => {
  it.each(REFUSALS)('%s', async (_, options, headers, status, code, prepare) => {
    const api = await startTestApi(options);
    await prepare?.(api);
    const answers = await Promise.all(Array.from({ length: CALLERS }, () => sendsFirst(api.port, ...headers)));
    expect(answers.map(statusOf)).toEqual(Array.from({ length: CALLERS }, () => ({ status, code })));
    for (const answer of answers) expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  });
});
