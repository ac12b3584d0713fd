import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMetricsServer } from '../../apps/cli/src/roles/metrics-server.ts';
import { createMetrics } from '../../packages/telemetry/src/index.ts';
import { sharedApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

const HOST = 'Host: 127.0.0.1';
const lines = (...all: readonly string[]): string => `${all.join('\r\n')}\r\n\r\n`;
const post = (...headers: readonly string[]): string =>
  lines('POST /livez HTTP/1.1', HOST, 'Content-Type: application/json', ...headers);
const NEXT = lines('GET /livez HTTP/1.1', HOST);

/** Requests that are answered by the server itself, and how. None of them may reach a route. */
const ODD: readonly [string, string, number, string][] = [
  ['two Host headers', lines('GET /livez HTTP/1.1', HOST, HOST), 400, 'request_malformed'],
  ['two different Host headers', lines('GET /livez HTTP/1.1', HOST, 'host: evil.example'), 400, 'request_malformed'],
  ['no Host header', lines('GET /livez HTTP/1.1', 'Accept: */*'), 400, 'request_malformed'],
  ['a Host header in folds', lines('GET /livez HTTP/1.1', 'Host:', ' 127.0.0.1'), 400, 'request_malformed'],
  ['a space before the colon', lines('GET /livez HTTP/1.1', 'Host : 127.0.0.1'), 400, 'request_malformed'],
  ['a folded header', lines('GET /livez HTTP/1.1', HOST, 'X-Long: a', ' b'), 400, 'request_malformed'],
  ['a header without a name', lines('GET /livez HTTP/1.1', HOST, ': x'), 400, 'request_malformed'],
  ['a header without a colon', lines('GET /livez HTTP/1.1', HOST, 'X'), 400, 'request_malformed'],
  ['the character NUL in a header', lines('GET /livez HTTP/1.1', HOST, 'X: a\0b'), 400, 'request_malformed'],
  ['CR alone', `GET /livez HTTP/1.1\rHost: 127.0.0.1\r\r`.concat('\r\n\r\n'), 400, 'request_malformed'],
  ['CR in a header', lines('GET /livez HTTP/1.1', HOST, 'X: a\rY: b'), 400, 'request_malformed'],
  ['LF alone', `GET /livez HTTP/1.1\n${HOST}\n\n`, 400, 'request_malformed'],
  [
    'two Authorization headers',
    lines('GET /livez HTTP/1.1', HOST, 'Authorization: a', 'Authorization: b'),
    400,
    'request_malformed',
  ],
  ['two Content-Types', post('Content-Type: text/plain', 'Content-Length: 0'), 400, 'request_malformed'],
  ['two Content-Lengths', post('Content-Length: 1', 'Content-Length: 1'), 400, 'request_malformed'],
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 4', 'Transfer-Encoding: chunked'),
    400,
    'request_malformed',
  ],
  [
    'Transfer-Encoding and Content-Length',
    post('Transfer-Encoding: chunked', 'Content-Length: 4'),
    400,
    'request_malformed',
  ],
  [
    'two Transfer-Encodings',
    post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
    400,
    'request_malformed',
  ],
  ['chunked, and something after it', post('Transfer-Encoding: chunked, identity'), 400, 'request_malformed'],
  ['an unknown Transfer-Encoding', post('Transfer-Encoding: xchunked'), 400, 'request_malformed'],
  [
    'a Transfer-Encoding in HTTP/1.0',
    lines('POST /livez HTTP/1.0', 'Transfer-Encoding: chunked').concat('0\r\n\r\n'),
    400,
    'request_malformed',
  ],
  ['a chunk of no length', post('Transfer-Encoding: chunked').concat('zz\r\n'), 400, 'request_malformed'],
  ['a negative Content-Length', post('Content-Length: -1'), 400, 'request_malformed'],
  ['a Content-Length with a sign', post('Content-Length: +1'), 400, 'request_malformed'],
  ['a line of HTTP/0.9', 'GET /livez\r\n\r\n', 400, 'request_malformed'],
  ['the version HTTP/0.9', lines('GET /livez HTTP/0.9', HOST), 400, 'request_malformed'],
  ['the version HTTP/2.0', lines('GET /livez HTTP/2.0', HOST), 400, 'request_malformed'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'request_malformed'],
  ['another protocol', lines('GET /livez HTTQ/1.1', HOST), 400, 'request_malformed'],
  ['a hello of TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n', 400, 'request_malformed'],
  ['a space in the address', lines('GET /a b HTTP/1.1', HOST), 400, 'request_malformed'],
  ['a method that nobody knows', lines('BREW /livez HTTP/1.1', HOST), 501, 'method_unknown'],
  ['CONNECT', lines('CONNECT example.com:443 HTTP/1.1', 'Host: example.com:443'), 501, 'method_unknown'],
  ['an expectation', lines('GET /livez HTTP/1.1', HOST, 'Expect: 200-ok'), 417, 'expectation_failed'],
  [
    'an expectation beside a wrong head',
    lines('GET /livez HTTP/1.1', HOST, HOST, 'Expect: x'),
    400,
    'request_malformed',
  ],
  ['headers above 16 KB', lines('GET /livez HTTP/1.1', HOST, `X: ${'x'.repeat(16_400)}`), 431, 'headers_too_large'],
  ['an address above 16 KB', lines(`GET /${'x'.repeat(16_400)} HTTP/1.1`, HOST), 431, 'headers_too_large'],
  [
    'many headers above 16 KB',
    lines('GET /livez HTTP/1.1', HOST, ...Array.from({ length: 4000 }, (_, n) => `x${n}: y`)),
    431,
    'headers_too_large',
  ],
  [
    'trailers above 16 KB',
    post('Transfer-Encoding: chunked').concat(`0\r\n${lines(`X: ${'x'.repeat(16_400)}`)}`),
    431,
    'headers_too_large',
  ],
];

/** What may look odd and is answered as usual. */
const USUAL: readonly [string, string][] = [
  [
    'an upgrade to a WebSocket',
    lines('GET /livez HTTP/1.1', HOST, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x'),
  ],
  [
    'an upgrade to HTTP/2',
    lines('GET /livez HTTP/1.1', HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAA'),
  ],
  ['HTTP/1.0 without Host', lines('GET /livez HTTP/1.0')],
  ['an empty line first', `\r\n${lines('GET /livez HTTP/1.1', HOST)}`],
  ['1900 headers', lines('GET /livez HTTP/1.1', HOST, ...Array.from({ length: 1900 }, (_, n) => `${n}:`))],
];

const api = sharedApi();
let metrics: Awaited<ReturnType<typeof startMetricsServer>>;
beforeAll(async () => {
  metrics = await startMetricsServer(createMetrics(), { host: '127.0.0.1', port: 0 });
});
afterAll(() => metrics.close());

describe.each([
  ['the API', () => api().port],
  ['the metrics of a role', () => metrics.port],
])('%s', (_name, portOf) => {
  it.each(ODD)('answers %s with a problem, reads nothing after it, and closes', async (_, text, status, code) => {
    const { socket, answer, received } = openRaw(portOf(), Buffer.from(text, 'latin1'));
    socket.write(NEXT);
    const { headers, text: body } = await answer();
    expect(received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(headers).toMatchObject({ connection: 'close', 'content-type': 'application/problem+json' });
    expect(JSON.parse(body)).toMatchObject({ status, code, request_id: headers['x-request-id'] });
  });

  it.each(USUAL)('answers %s as any other request', async (_, text) => {
    const { socket, answer } = openRaw(portOf(), text);
    const { status } = await answer((received) => received.includes('}'));
    expect(status).toBe(200);
    socket.destroy();
  });

  it('answers methods that it does not take with 405 or 404, and a body', async () => {
    const port = portOf();
    for (const method of ['TRACE', 'OPTIONS', 'PROPFIND', 'PATCH', 'QUERY']) {
      const { socket, answer } = openRaw(port, lines(`${method} /livez HTTP/1.1`, HOST, 'Content-Length: 0'));
      const { status, headers, text } = await answer((received) => received.includes('}'));
      expect([method, status, headers.allow]).toEqual([method, 405, 'GET, HEAD']);
      expect(JSON.parse(text)).toMatchObject({ code: 'method_not_allowed' });
      socket.destroy();
    }
  });
});
