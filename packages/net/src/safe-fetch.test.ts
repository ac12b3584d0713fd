import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type AppError, callerTextOf } from '@qwen-edit/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Resolve } from './pinned-agent.ts';
import { createSafeFetch, type SafeFetch, type SafeFetchOptions } from './safe-fetch.ts';

/** As if this were an address of the Internet; all others count as they are. */
const PUBLIC = '127.0.0.1';
const LIMITS = { maxBytes: 1000, timeoutMs: 10_000, maxRedirects: 3, failuresTakeMs: 0 } as const;
const code = (expected: string) => expect.objectContaining({ code: expected });
/** A name that leads inside is told as one that leads nowhere; the cause, for the log, says so. */
const INSIDE = expect.objectContaining({
  code: 'url_unreachable',
  message: expect.stringContaining('its name has no address on the public Internet, or nothing answers there'),
  cause: expect.objectContaining({ code: 'INSIDE' }),
});
const resolvesTo =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: 4 }));

/** Sees every address but PUBLIC as inside; names resolve to it. */
function fetcher(options: Partial<SafeFetchOptions> = {}): SafeFetch {
  const isPublic = (address: string): boolean => address === PUBLIC;
  const net = createSafeFetch({ allowPrivate: false, ...LIMITS, isPublic, resolve: resolvesTo(PUBLIC), ...options });
  onTestFinished(() => net.close());
  return net;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, PUBLIC, resolve));
  return (server.address() as AddressInfo).port;
}

/** A server on PUBLIC; `connections` counts what it accepted. */
async function serve(listener: RequestListener) {
  const server = createServer(listener);
  const seen = { connections: 0, requests: [] as IncomingMessage[] };
  server.on('connection', () => seen.connections++);
  server.on('request', (request) => seen.requests.push(request));
  const port = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { seen, port, url: `http://example.com:${port}`, origin: `http://${PUBLIC}:${port}` };
}

const says = (text: string) => (_: IncomingMessage, response: ServerResponse) => void response.end(text);
const sends = (headers: Record<string, string>, body: Uint8Array) => (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(200, headers).end(body);
const goesTo =
  (...targets: string[]) =>
  ({ url }: IncomingMessage, response: ServerResponse) => {
    const location = targets[Number(url?.slice(1))];
    if (location === undefined) response.end('arrived');
    else response.writeHead(302, { location }).end('moved');
  };
const text = ({ body }: { body: Uint8Array }): string => new TextDecoder().decode(body);

describe('a call', () => {
  it('sends what it is given and returns what comes back, whatever the status', async () => {
    const { url, seen } = await serve((request, response) => {
      response.writeHead(418, { 'content-type': 'text/x', 'set-cookie': ['a=1', 'b=2'] });
      request.pipe(response);
    });
    const answer = await fetcher().fetch(`${url}/p/q?r=s#t`, {
      method: 'post',
      headers: { 'X-Own': 'yes' },
      body: 'hello',
    });
    expect(answer).toMatchObject({ status: 418, url: `${url}/p/q?r=s` });
    expect(text(answer)).toBe('hello');
    expect([answer.headers.get('content-type'), answer.headers.getSetCookie()]).toEqual(['text/x', ['a=1', 'b=2']]);
    const [request] = seen.requests;
    expect([request?.method, request?.url]).toEqual(['POST', '/p/q?r=s']);
    expect(request?.headers).toMatchObject({
      host: new URL(url).host,
      'x-own': 'yes',
      'accept-encoding': 'identity',
      'content-length': '5',
      connection: 'close',
    });
  });

  it('does not fail for a header in another alphabet', async () => {
    const server = createTcpServer((socket) =>
      socket.end(Buffer.from('HTTP/1.1 200 OK\r\nx-name: 变\r\nx-fine: é\r\ncontent-length: 2\r\n\r\nok')),
    );
    const port = await listen(server);
    onTestFinished(() => void server.close());
    expect(text(await fetcher().fetch(`http://example.com:${port}`))).toBe('ok');
  });

  it('keeps the name of the host for TLS, where it connects to an address', async () => {
    const hello = Promise.withResolvers<string>();
    const server = createTcpServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', (data) => {
          hello.resolve(data.toString('latin1'));
          socket.destroy();
        });
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    await expect(fetcher().fetch(`https://pictures.example.com.:${port}/`)).rejects.toEqual(code('url_unreachable'));
    expect(await hello.promise).toContain('pictures.example.com\0');
  });
});

describe('nothing inside is connected to', () => {
  it('not by its address, in whatever form, nor by a name that resolves there', async () => {
    const { seen, port } = await serve(says('secret'));
    const net = createSafeFetch({ allowPrivate: false, ...LIMITS, resolve: resolvesTo(PUBLIC) });
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '[::ffff:127.0.0.1]', 'localhost']) {
      await expect(net.fetch(`http://${host}:${port}/`), host).rejects.toEqual(code('url_refused'));
    }
    await expect(net.fetch(`http://rebind.example.com:${port}/`)).rejects.toEqual(INSIDE);
    await net.close();
    expect(seen.connections).toBe(0);
  });

  it('not when one of several addresses is inside', async () => {
    const { url, seen } = await serve(says('x'));
    const net = fetcher({ resolve: resolvesTo(PUBLIC, '10.0.0.1') });
    await expect(net.fetch(url)).rejects.toEqual(INSIDE);
    expect(seen.connections).toBe(0);
  });

  it('not when the name changes between the check and the connection: the connection goes to what was checked', async () => {
    const { url, seen } = await serve(says('from the checked address'));
    const answers = [PUBLIC, '127.0.0.2', '127.0.0.2'];
    const asked: string[] = [];
    const net = fetcher({
      async resolve(host) {
        asked.push(host);
        return [{ address: answers.shift() ?? '', family: 4 }];
      },
    });
    expect(text(await net.fetch(url))).toBe('from the checked address');
    expect(asked).toEqual(['example.com']);
    await expect(net.fetch(url)).rejects.toEqual(INSIDE);
    expect([asked.length, seen.connections]).toEqual([2, 1]);
  });

  it('not when the open connection leads elsewhere than was resolved', async () => {
    const { url, seen } = await serve(says('secret'));
    let checks = 0;
    const net = fetcher({ isPublic: () => checks++ === 0 });
    await expect(net.fetch(url)).rejects.toEqual(INSIDE);
    expect(seen.requests).toEqual([]);
  });

  it('not by a redirect', async () => {
    const inside = await serve(says('secret'));
    for (const target of [
      'http://10.0.0.1/',
      'http://0x7f000002/',
      'http://localhost/',
      'file:///etc/passwd',
      `http://u:p@example.com:${inside.port}/`,
    ]) {
      const { url } = await serve(goesTo(target));
      await expect(fetcher().fetch(`${url}/0`), target).rejects.toEqual(code('url_refused'));
    }
    const { url } = await serve(goesTo(`http://inside.example.org:${inside.port}/`));
    const resolve: Resolve = async (host) => [{ address: host.endsWith('.org') ? '10.0.0.1' : PUBLIC, family: 4 }];
    await expect(fetcher({ resolve }).fetch(`${url}/0`)).rejects.toEqual(INSIDE);
    expect(inside.seen.connections).toBe(0);
  });

  it('unless it is allowed', async () => {
    const { port } = await serve(says('mine'));
    const net = createSafeFetch({ allowPrivate: true, ...LIMITS });
    expect(text(await net.fetch(`http://localhost:${port}/`))).toBe('mine');
    expect(text(await net.fetch(`http://2130706433:${port}/`))).toBe('mine');
    await expect(net.fetch(`http://a:b@127.0.0.1:${port}/`)).rejects.toEqual(code('url_refused'));
    await net.close();
  });
});

describe('redirects', () => {
  it('are followed as often as allowed, and no further', async () => {
    const { url, seen } = await serve(goesTo('/1', '/2', '/3'));
    const answer = await fetcher().fetch(`${url}/0`);
    expect([text(answer), answer.url]).toEqual(['arrived', `${url}/3`]);
    await expect(fetcher({ maxRedirects: 2 }).fetch(`${url}/0`)).rejects.toEqual(code('url_unreachable'));
    expect(seen.requests).toHaveLength(7);
    const loop = await serve(goesTo('/0'));
    await expect(fetcher().fetch(`${loop.url}/0`)).rejects.toEqual(code('url_unreachable'));
  });

  it('are answers where none is allowed', async () => {
    const { url } = await serve(goesTo('http://10.0.0.1/'));
    const answer = await fetcher().fetch(`${url}/0`, { maxRedirects: 0 });
    expect([answer.status, answer.headers.get('location'), text(answer)]).toEqual([302, 'http://10.0.0.1/', 'moved']);
  });

  it('carry no credentials to another origin', async () => {
    const other = await serve(says('other'));
    const { url, seen } = await serve(goesTo('/1', other.url));
    await fetcher().fetch(`${url}/0`, { headers: { Authorization: 'Bearer x', cookie: 'y', 'x-own': 'z' } });
    expect(seen.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer x', 'Bearer x']);
    expect(other.seen.requests[0]?.headers).toMatchObject({ 'x-own': 'z' });
    expect(other.seen.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(other.seen.requests[0]?.headers).not.toHaveProperty('cookie');
  });
});

describe('bodies', () => {
  const endless = (_: IncomingMessage, response: ServerResponse): void => {
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  };

  it('as large as allowed are read, larger ones are not, told or untold', async () => {
    const { url } = await serve(({ url: path }, response) => {
      const [, bytes, told] = path?.split('/') ?? [];
      if (told === 'told') response.setHeader('content-length', Number(bytes));
      response.end('x'.repeat(Number(bytes)));
    });
    for (const told of ['told', 'untold']) {
      expect((await fetcher().fetch(`${url}/1000/${told}`)).body).toHaveLength(1000);
      await expect(fetcher().fetch(`${url}/1001/${told}`)).rejects.toEqual(code('url_too_large'));
      expect((await fetcher().fetch(`${url}/1001/${told}`, { maxBytes: 1001 })).body).toHaveLength(1001);
    }
  });

  it('without end are given up, and the connection with them', async () => {
    const { url, seen } = await serve(endless);
    await expect(fetcher().fetch(url)).rejects.toEqual(code('url_too_large'));
    const answer = await fetcher().fetch(url, { overflow: 'cut' });
    expect([answer.status, text(answer)]).toEqual([200, 'x'.repeat(1000)]);
    await expect.poll(() => seen.requests.every((request) => request.socket.destroyed)).toBe(true);
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])(
    'compressed with %s although nobody asked are read, within the limit for what becomes of them',
    async (encoding, compress) => {
      const small = await serve(sends({ 'content-encoding': encoding }, compress('hello')));
      expect(text(await fetcher().fetch(small.url))).toBe('hello');
      const bomb = await serve(sends({ 'content-encoding': encoding }, compress(Buffer.alloc(5_000_000))));
      await expect(fetcher({ maxBytes: 100_000 }).fetch(bomb.url)).rejects.toEqual(code('url_too_large'));
      const cut = await fetcher().fetch(bomb.url, { overflow: 'cut' });
      expect([cut.status, cut.body.length]).toEqual([200, 0]);
    },
  );

  it('that claim a compression they have not got, or one that is not known, are errors', async () => {
    const lies = await serve(sends({ 'content-encoding': 'gzip' }, Buffer.from('plain')));
    await expect(fetcher().fetch(lies.url)).rejects.toEqual(code('url_unreachable'));
    const half = await serve(sends({ 'content-encoding': 'gzip' }, gzipSync('hello').subarray(0, 15)));
    await expect(fetcher().fetch(half.url)).rejects.toEqual(code('url_unreachable'));
    for (const encoding of ['zstd', 'gzip, gzip', 'constructor']) {
      const odd = await serve(sends({ 'content-encoding': encoding }, Buffer.from('x')));
      await expect(fetcher().fetch(odd.url)).rejects.toEqual(code('url_unreachable'));
    }
  });

  it('memory is counted before it is taken, and what the count refuses ends the call', async () => {
    const body = Buffer.alloc(900_000, 'x');
    const chunked = (_: IncomingMessage, response: ServerResponse) => {
      response.write(body.subarray(0, 400_000));
      response.end(body.subarray(400_000));
    };
    for (const [listener, most] of [
      [sends({ 'content-length': '900000' }, body), 900_000],
      // While its pieces are joined, they take twice their memory.
      [chunked, 1_800_000],
      [sends({ 'content-encoding': 'gzip' }, gzipSync(body)), 1_800_000],
    ] as const) {
      const { url } = await serve(listener);
      const count = { held: 0, most: 0 };
      const memory = (limit: number) => ({
        hold(bytes: number) {
          if (count.held + bytes > limit) throw new RangeError('full');
          count.held += bytes;
          count.most = Math.max(count.most, count.held);
        },
        release(bytes: number) {
          count.held -= bytes;
        },
      });
      const net = fetcher({ maxBytes: 1_000_000 });
      expect((await net.fetch(url, { memory: memory(most) })).body).toEqual(new Uint8Array(body));
      expect(count).toEqual({ held: 900_000, most });
      count.held = 0;
      const refused = net.fetch(url, { memory: memory(most - 1) });
      await expect(refused).rejects.toMatchObject({ cause: expect.objectContaining({ message: 'full' }) });
    }
    const { url } = await serve(sends({ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(17_000_000))));
    await expect(fetcher({ maxBytes: 100_000_000 }).fetch(url)).rejects.toEqual(code('url_too_large'));
  });
});

describe('a server that does not keep up', () => {
  const slow = { timeoutMs: 300 };
  const unsaid = {
    message: expect.stringContaining('nothing answers there'),
    cause: new Error('it took more than 300 ms'),
  };
  /** Is left in the middle of its answer. A machine that stalls may not even read its beginning in a short time. */
  async function expectTooSlow(fetchIn: (limits: { readonly timeoutMs: number }) => Promise<unknown>): Promise<void> {
    for (const timeoutMs of [300, 3000, 30_000]) {
      const error = await fetchIn({ timeoutMs }).catch((thrown: unknown) => thrown);
      const message = expect.stringContaining(`took more than ${timeoutMs} ms`);
      const isUnsaid = error instanceof Error && /nothing answers there/.test(error.message);
      if (isUnsaid && timeoutMs < 30_000) continue;
      expect(error).toMatchObject({ code: 'url_unreachable', message });
      return;
    }
  }

  it('that never answers is left after the whole time', async () => {
    const { url } = await serve(() => undefined);
    await expect(fetcher(slow).fetch(url)).rejects.toMatchObject(unsaid);
  });

  it('that drips is left after the whole time, in the headers or in the body, also where the rest is cut', async () => {
    const drips = async (start: string): Promise<string> => {
      const server = createTcpServer((socket) => {
        socket.write(start);
        const timer = setInterval(() => socket.write('x'), 20);
        socket.on('error', () => undefined).on('close', () => clearInterval(timer));
      });
      const port = await listen(server);
      onTestFinished(() => void server.close());
      return `http://example.com:${port}`;
    };
    const inHeaders = await drips('HTTP/1.1 200 OK\r\nx-drip: ');
    const inBody = await drips('HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n');
    for (const init of [{}, { overflow: 'cut' }] as const) {
      await expect(fetcher(slow).fetch(inHeaders, init)).rejects.toMatchObject(unsaid);
      await expectTooSlow((limits) => fetcher({ ...limits, maxBytes: 1e9 }).fetch(inBody, init));
    }
  });

  it('whose redirects take the time together is left', async () => {
    const { url } = await serve((request, response) => {
      setTimeout(() => response.writeHead(302, { location: `${request.url}x` }).end(), 120);
    });
    await expectTooSlow((limits) => fetcher({ ...limits, maxRedirects: 1000 }).fetch(url));
  });

  it('whose name is not resolved in time is left', async () => {
    const net = fetcher({ ...slow, resolve: () => new Promise(() => undefined) });
    await expect(net.fetch('http://example.com/')).rejects.toMatchObject(unsaid);
  });

  it('is left at once when the caller cancels, or the fetcher closes', async () => {
    const arrived = Promise.withResolvers<void>();
    const { url } = await serve(() => arrived.resolve());
    const abort = new AbortController();
    const net = fetcher();
    const calls = [net.fetch(url, { signal: abort.signal }), net.fetch(url)];
    const results = Promise.allSettled(calls);
    await arrived.promise;
    abort.abort();
    await expect(calls[0]).rejects.toEqual(code('canceled'));
    await net.close();
    expect((await results).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    await expect(calls[1]).rejects.toEqual(code('canceled'));
  });
});

describe('what cannot be reached', () => {
  const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
  const later = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' });
  const NOWHERE: readonly [string, Resolve, number, string][] = [
    ['an inside address', resolvesTo('10.0.0.1'), 80, 'INSIDE'],
    ['an inside address among others', resolvesTo(PUBLIC, '10.0.0.1'), 80, 'INSIDE'],
    ['no address', resolvesTo(), 80, 'ENOTFOUND'],
    ['nowhere: there is no such name', () => Promise.reject(notFound), 80, 'ENOTFOUND'],
    ['nowhere now', () => Promise.reject(later), 80, 'EAI_AGAIN'],
    ['an address where nobody listens', resolvesTo(PUBLIC), 1, 'ECONNREFUSED'],
  ];

  it('a name that leads inside is answered as one that leads nowhere, and takes no less time', async () => {
    const answers = new Set<string>();
    for (const [what, resolve, port, cause] of NOWHERE) {
      const net = fetcher({ resolve, failuresTakeMs: 100 });
      const start = performance.now();
      const error = await net.fetch(`http://name.example:${port}/path?token=secret`).catch((thrown: unknown) => thrown);
      // A timer may ring some milliseconds early by this clock.
      expect(performance.now() - start, what).toBeGreaterThan(80);
      expect(error, what).toMatchObject({ code: 'url_unreachable', cause: { code: cause } });
      const { text, hint } = callerTextOf(error as AppError);
      answers.add(`${text.replace(/:1 /, ' ')} ${hint}`);
    }
    expect([...answers]).toEqual([
      'http://name.example could not be fetched: its name has no address on the public Internet, or nothing answers there. ' +
        'Check that the address answers from where the service runs.',
    ]);
  });

  it('a redirect tells no more of the inside', async () => {
    const answers = new Set<string>();
    for (const [what, inner, port, cause] of NOWHERE.filter(([, , port]) => port === 80)) {
      const { url } = await serve(goesTo(`http://name.example:${port}/`));
      const resolve: Resolve = async (host) => (host === 'name.example' ? inner(host) : resolvesTo(PUBLIC)(host));
      const start = performance.now();
      const error = await fetcher({ resolve, failuresTakeMs: 100 })
        .fetch(`${url}/0`)
        .catch((thrown: unknown) => thrown);
      // A timer may ring some milliseconds early by this clock.
      expect(performance.now() - start, what).toBeGreaterThan(80);
      expect(error, what).toMatchObject({ code: 'url_unreachable', cause: { code: cause } });
      answers.add(callerTextOf(error as AppError).text);
    }
    expect(answers.size).toBe(1);
  });

  it('an operator who allows calls of the inside is told why one failed', async () => {
    for (const [resolve, port, why] of [
      [() => Promise.reject(notFound), 80, 'there is no such host'],
      [resolvesTo(PUBLIC), 1, 'the connection was refused'],
    ] as const) {
      const call = fetcher({ allowPrivate: true, resolve }).fetch(`http://name.example:${port}/`);
      await expect(call).rejects.toMatchObject({ message: expect.stringContaining(why) });
    }
  });

  it('a failure of TLS is told, without the address behind the name', async () => {
    const { port } = await serve(says(''));
    const call = fetcher().fetch(`https://example.com:${port}/path?token=secret`);
    await expect(call).rejects.toMatchObject({
      code: 'url_unreachable',
      message: expect.stringMatching(/^(?!.*(127\.0\.0\.1|secret)).*the connection failed/),
    });
  });

  it('a connection that is reset, or an answer that is no HTTP, or is cut off', async () => {
    for (const answer of ['', 'nonsense', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf']) {
      const server = createTcpServer((socket) => {
        socket
          .on('error', () => undefined)
          .once('data', () => (answer === '' ? socket.resetAndDestroy() : socket.end(answer)));
      });
      const port = await listen(server);
      onTestFinished(() => void server.close());
      await expect(fetcher().fetch(`http://example.com:${port}`)).rejects.toEqual(code('url_unreachable'));
    }
  });
});

it('nothing is left open when it is closed', async () => {
  const sockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => /TCPSocket|Timeout/.test(kind)).length;
  const before = sockets();
  const { url } = await serve(says('x'));
  const net = fetcher();
  await Promise.all(Array.from({ length: 20 }, () => net.fetch(url)));
  await Promise.allSettled(Array.from({ length: 20 }, () => net.fetch(url, { maxBytes: 0 })));
  await net.close();
  await expect.poll(sockets, { timeout: 5000 }).toBeLessThanOrEqual(before);
});
