import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually, sharedApi, startTestApi, submitOne } from './harness.ts';
import { flood, head, openRaw } from './raw-http.ts';

const MB = 1_000_000;
const LIMITS = { bodyBytes: 2 * MB, fieldBytes: 10_000, bodyIdleMs: 300, bodyTotalMs: 1500 };
const server = sharedApi({ limits: LIMITS, timeouts: { headersMs: 400, requestMs: 5000 } });

const JSON_TYPE = 'Content-Type: application/json';
const FORM_TYPE = 'Content-Type: multipart/form-data; boundary=XX';
const complete = (received: string): boolean => /\r\n\r\n.*\}$/s.test(received);

afterEach(async () => {
  await eventually(() => server().api.stats().bytesHeld === 0);
  expect((await readdir(tmpdir())).filter((name) => /busboy|upload/.test(name))).toEqual([]);
  // It still serves, and nothing was accepted.
  expect(await (await fetch(`${server().url}/v1/jobs`)).json()).toMatchObject({ data: [] });
});

async function refused(first: string, then: (connection: ReturnType<typeof openRaw>) => unknown = () => undefined) {
  const connection = openRaw(server().port, first);
  const sending = then(connection);
  const { status, text, headers } = await connection.answer(complete);
  connection.socket.destroy();
  await sending;
  return { status, code: JSON.parse(text.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, '')).code, headers };
}

describe('a body that is too large', () => {
  it('is refused by its Content-Length, before it is sent', async () => {
    expect(await refused(head(JSON_TYPE, 'Content-Length: 1000000000'))).toMatchObject({
      status: 413,
      code: 'request_too_large',
    });
  });

  it('is not even asked for when the caller waits for a 100', async () => {
    const connection = openRaw(server().port, head(JSON_TYPE, 'Content-Length: 1000000000', 'Expect: 100-continue'));
    await connection.answer(complete);
    expect(connection.received()).toMatch(/^HTTP\/1.1 413/);
    connection.socket.destroy();
  });

  it('is asked for when it may come', async () => {
    const body = '{"prompt":"x"}';
    const connection = openRaw(
      server().port,
      head(JSON_TYPE, `Content-Length: ${body.length}`, 'Expect: 100-continue', 'Connection: close'),
    );
    await connection.answer((received) => received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    connection.socket.write(body);
    await connection.answer();
    expect(connection.received()).toContain('HTTP/1.1 400');
  });

  it('of 1 GB that is sent all the same is read no further than to let the answer through', async () => {
    let sent = 0;
    const answer = await refused(head(JSON_TYPE, 'Content-Length: 1000000000'), async (connection) => {
      sent = await flood(connection, Buffer.alloc(MB));
    });
    expect(answer).toMatchObject({ status: 413, code: 'request_too_large' });
    expect(sent).toBeLessThan(200 * MB);
  });

  it('in chunks without end is refused at the limit', async () => {
    const chunk = Buffer.concat([Buffer.from('f4240\r\n'), Buffer.alloc(MB, 'a'), Buffer.from('\r\n')]);
    for (const type of [JSON_TYPE, FORM_TYPE]) {
      const answer = await refused(head(type, 'Transfer-Encoding: chunked'), (connection) => flood(connection, chunk));
      expect(answer).toMatchObject({ status: 413, code: 'request_too_large' });
    }
  });

  it('leaves a connection that the server closes', async () => {
    const connection = openRaw(server().port, head(JSON_TYPE, 'Content-Length: 1000000000'));
    const { status } = await connection.answer();
    expect(status).toBe(413);
  });
});

describe('a request that is too slow', () => {
  it('with its headers is answered 408', async () => {
    const connection = openRaw(server().port, 'POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    const drip = setInterval(() => connection.socket.write('X: y\r\n'), 50);
    const { status, text } = await connection.answer();
    clearInterval(drip);
    expect(status).toBe(408);
    expect(JSON.parse(text)).toMatchObject({ code: 'request_timeout' });
  });

  it('with its body is answered 408, when it is silent and when it drips', async () => {
    const first = `${head(JSON_TYPE, 'Content-Length: 1000')}{`;
    expect(await refused(first)).toMatchObject({ status: 408, code: 'request_timeout' });
    const dripping = await refused(first, ({ socket }) => {
      const drip = setInterval(() => (socket.destroyed ? clearInterval(drip) : socket.write(' ')), 50);
    });
    expect(dripping).toMatchObject({ status: 408, code: 'request_timeout' });
  });
});

describe('a Content-Length that is wrong', () => {
  it('too long: the body is waited for and then given up; a caller that hangs up is forgotten', async () => {
    const first = `${head(JSON_TYPE, 'Content-Length: 500')}{"prompt":"x"}`;
    expect(await refused(first)).toMatchObject({ status: 408 });
    const connection = openRaw(server().port, first);
    connection.socket.end();
    await connection.answer();
  });

  it.each(['-1', '1e3', 'x', '5, 6', ''])('%j is no length', async (length) => {
    expect(await refused(head(JSON_TYPE, `Content-Length: ${length}`))).toMatchObject({
      status: 400,
      code: 'request_malformed',
    });
  });

  it('too short: the rest is no request', async () => {
    const connection = openRaw(server().port, `${head(JSON_TYPE, 'Content-Length: 5')}{"prompt":"x"}`);
    await connection.answer();
    expect(connection.received()).toMatch(/^HTTP\/1.1 400/);
  });

  it('beside chunks: refused, so that no proxy sees another request than we do', async () => {
    const both = head(JSON_TYPE, 'Content-Length: 5', 'Transfer-Encoding: chunked');
    expect(await refused(both)).toMatchObject({ status: 400, code: 'request_malformed' });
  });
});

describe('a form that is malformed', () => {
  const part = (name: string, content = 'x'): string =>
    `--XX\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`;
  const send = (body: string, type = FORM_TYPE) =>
    refused(head(type, `Content-Length: ${Buffer.byteLength(body)}`) + body);

  it.each([
    ['without a boundary', part('prompt'), 'Content-Type: multipart/form-data'],
    ['with another boundary', part('prompt'), 'Content-Type: multipart/form-data; boundary=YY'],
    ['without an end', part('prompt')],
    ['that ends in a header', `${part('prompt')}--XX\r\nContent-Disp`],
    ['empty', ''],
    ['of rubbish', '\0\u00ff'.repeat(1000)],
  ])('%s', async (_, body, type = FORM_TYPE) => {
    expect(await send(body, type)).toMatchObject({ status: 400, code: 'request_malformed' });
  });

  it('without parts, or with parts without names, lacks what it needs', async () => {
    expect(await send('--XX--\r\n')).toMatchObject({ status: 400, code: 'invalid_parameter' });
    expect(await send('--XX\r\n\r\nx\r\n--XX--\r\n')).toMatchObject({ status: 400, code: 'invalid_parameter' });
    expect(await send('--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--\r\n')).toMatchObject({ status: 400 });
  });

  it('with 10,000 parts, or a field of too many bytes', async () => {
    const parts = Array.from({ length: 10_000 }, (_, n) => part(`f${n}`)).join('');
    expect(await send(`${parts}--XX--\r\n`)).toMatchObject({ status: 413, code: 'request_too_large' });
    expect(await send(`${part('prompt', 'x'.repeat(20_000))}--XX--\r\n`)).toMatchObject({ status: 413 });
  });

  it('with a file above the limit of a picture', async () => {
    const api = await startTestApi({ limits: { imageBytes: 1000 } });
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(1001)]), 'a.png');
    const response = await fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form });
    expect(await response.json()).toMatchObject({ status: 413, code: 'request_too_large' });
  });
});

it('a compressed body is refused, so that no gzip bomb is unpacked', async () => {
  for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'gzip, identity']) {
    const response = await fetch(`${server().url}/v1/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      body: new Uint8Array(gzipSync(Buffer.alloc(MB))),
    });
    expect(await response.json()).toMatchObject({ status: 415, code: 'media_type_unsupported' });
  }
});

it('requests together hold no more memory than is allowed, and give it back', async () => {
  const api = await startTestApi({ limits: { bytesInFlight: 9 * MB, bodyBytes: 2 * MB, bodyIdleMs: 5000 } });
  const first = head(JSON_TYPE, 'Content-Length: 2000000');
  const slow = openRaw(api.port, first);
  slow.socket.write(Buffer.alloc(1.9 * MB, ' '));
  // The text of a body, what is parsed from it, and the pictures in it.
  await eventually(() => api.api.stats().bytesHeld >= 3 * 1.9 * MB);
  const other = openRaw(api.port, first);
  other.socket.write(Buffer.alloc(1.9 * MB, ' '));
  const { status, headers } = await other.answer(complete);
  expect([status, headers['retry-after']]).toEqual([503, '5']);
  slow.socket.destroy();
  await eventually(() => api.api.stats().bytesHeld === 0);
  await submitOne(api);
});

describe('something that is not a request', () => {
  it.each([
    ['rubbish', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n', 400, 'request_malformed'],
    ['without Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'request_malformed'],
    [
      'with headers of 100 KB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['with a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400, 'request_malformed'],
    ['with an address that is none', 'GET \\x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 400, 'request_malformed'],
  ])('%s', async (_, text, status, code) => {
    const connection = openRaw(server().port, text);
    const answer = await connection.answer(
      (received) => received.includes('\r\n\r\n') && (code === undefined || complete(received)),
    );
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(JSON.parse(answer.text)).toMatchObject({ code, status });
    connection.socket.destroy();
  });

  it('a path of odd characters is not found', async () => {
    for (const path of ['/%ZZ', '/%00', '/..%2f..%2fetc/passwd', '/v1/objects/../../x', '/v1/jobs/%2e%2e/events'])
      expect((await fetch(server().url + path)).status, path).toBeGreaterThanOrEqual(403);
  });
});

it('a caller that hangs up in mid-body leaves nothing behind', async () => {
  const body = `--XX\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n`;
  for (const type of [JSON_TYPE, FORM_TYPE]) {
    const connection = openRaw(server().port, head(type, 'Content-Length: 1000000') + body);
    await eventually(() => server().api.stats().bytesHeld > 0);
    connection.socket.resetAndDestroy();
    await eventually(() => server().api.stats().bytesHeld === 0);
  }
  expect(server().lines.join('')).not.toContain('unforeseen');
});
