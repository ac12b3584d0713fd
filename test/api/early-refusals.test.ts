import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startTestApi, type TestApiOptions } from './harness.ts';
import { flood, head, openRaw } from './raw-http.ts';

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

const REFUSALS: readonly [string, TestApiOptions, readonly string[], number, string][] = [
  ['without a key', { keysRequired: true }, [`Content-Length: ${BODY}`], 401, 'unauthorized'],
  ['for a body above the limit', { limits: { bodyBytes: MB } }, [`Content-Length: ${BODY}`], 413, 'request_too_large'],
  ['for its encoding', {}, [`Content-Length: ${BODY}`, 'Content-Encoding: gzip'], 415, 'media_type_unsupported'],
  ['for its memory', { limits: { bytesInFlight: MB } }, [`Content-Length: ${BODY}`], 503, 'not_ready'],
  ['for a header that comes twice', {}, [`Content-Length: ${BODY}`, JSON_TYPE], 400, 'request_malformed'],
  ['for what it expects', {}, [`Content-Length: ${BODY}`, 'Expect: 200-ok'], 417, 'expectation_failed'],
  ['for what is no chunk', {}, ['Transfer-Encoding: chunked'], 400, 'request_malformed'],
];

it.each(REFUSALS)(
  'a caller that is refused %s while it still sends reads the whole answer',
  async (_, options, headers, status, code) => {
    const api = await startTestApi(options);
    const answers = await Promise.all(Array.from({ length: CALLERS }, () => sendsFirst(api.port, ...headers)));
    expect(answers.map(statusOf)).toEqual(Array.from({ length: CALLERS }, () => ({ status, code })));
    for (const answer of answers) expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  },
);

describe('what a refused caller still sends is taken within limits', () => {
  const refused = head(JSON_TYPE, 'Content-Length: 1000000000');

  it('of bytes', async () => {
    const api = await startTestApi({ keysRequired: true, linger: { bytes: 5 * MB } });
    const connection = openRaw(api.port, refused);
    // More than the limit may be under way in the buffers of the system.
    expect(await flood(connection, PIECE)).toBeLessThan(100 * MB);
  });

  it('of silence and of time', async () => {
    for (const linger of [{ idleMs: 50 }, { totalMs: 200 }]) {
      const api = await startTestApi({ keysRequired: true, linger });
      const socket = connect({ port: api.port, host: '127.0.0.1', allowHalfOpen: true });
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      socket.on('error', () => resolve()).on('close', () => resolve());
      socket.resume().write(refused);
      // Never silent for 50 ms in the second case; it ends all the same.
      const drip = 'totalMs' in linger ? setInterval(() => socket.write(' '), 10) : undefined;
      const { promise: told, resolve: ended } = Promise.withResolvers<void>();
      socket.once('end', () => ended());
      await told;
      // The other side is gone when what we send is answered by a reset.
      const probe = setInterval(() => socket.write(' '), drip === undefined ? 1000 : 10);
      await closed;
      clearInterval(drip);
      clearInterval(probe);
      socket.destroy();
    }
  });

  it('and no request is read from it', async () => {
    const api = await startTestApi({ keysRequired: true });
    const connection = openRaw(api.port, `${head(JSON_TYPE, 'Content-Length: 200000')}{`);
    await connection.answer((received) => received.includes('}'));
    connection.socket.write(`${' '.repeat(199_999)}GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await connection.answer();
    expect(connection.received()).toMatch(/^HTTP\/1\.1 401 /);
    expect(connection.received()).not.toContain('HTTP/1.1 200');
    expect(api.lines.join('')).not.toContain('/livez');
  });
});

it('a request whose body has arrived keeps its connection, although it is refused', async () => {
  const api = await startTestApi({ keysRequired: true });
  const body = '{"prompt":"x"}';
  const request = `${head(JSON_TYPE, `Content-Length: ${body.length}`)}${body}`;
  const connection = openRaw(api.port, request + request);
  await connection.answer((received) => received.split('HTTP/1.1 401').length === 3 && received.endsWith('}'));
  expect(connection.received()).not.toMatch(/connection: close/i);
  connection.socket.destroy();
});
