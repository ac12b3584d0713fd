import { request as ask } from 'node:http';
import { connect } from 'node:net';
import { createHubFetch } from '@qwen-edit/hub';
import { expect, it } from 'vitest';
import { createKeepAliveServer } from '../support/keep-alive-server.ts';
import { listenForTest } from '../support/listen-for-test.ts';
import { contentOf, wholeContent } from './folders.ts';
import { errorOf, startHarness } from './harness.ts';

interface Proxy {
  readonly url: string;
  readonly seen: readonly string[];
  readonly credentials: readonly (string | undefined)[];
}

/** A forward proxy, which cuts each connection after so many bytes. `status`: what it says to everybody instead. */
async function startProxy({ cutAfter = Number.POSITIVE_INFINITY, status = 0 } = {}): Promise<Proxy> {
  const [seen, credentials]: [string[], (string | undefined)[]] = [[], []];
  const server = createKeepAliveServer((incoming, outgoing) => {
    seen.push(incoming.url ?? '');
    credentials.push(incoming.headers['proxy-authorization']);
    if (status > 0) return void outgoing.writeHead(status).end();
    const { 'proxy-authorization': _, ...headers } = incoming.headers;
    const onward = ask(incoming.url ?? '', { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      let left = cutAfter;
      answer.on('data', (chunk: Buffer) => {
        // What is let through arrives; then the connection ends in the middle of the answer.
        outgoing.write(chunk.subarray(0, left), () => left <= 0 && outgoing.destroy());
        left = Math.max(0, left - chunk.length);
      });
      answer.on('end', () => outgoing.end());
      answer.on('error', () => outgoing.destroy());
    });
    outgoing.on('close', () => onward.destroy());
    onward.on('error', () => outgoing.destroy());
    onward.end();
  });
  // What a client of https does, and undici for http as well if it is told to.
  server.on('connect', (incoming, socket, head) => {
    seen.push(incoming.url ?? '');
    credentials.push(incoming.headers['proxy-authorization']);
    if (status > 0) return void socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
    const [host = '', port = '80'] = (incoming.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.write(head);
      let left = cutAfter;
      onward.on('data', (chunk: Buffer) => {
        socket.write(chunk.subarray(0, left), () => left <= 0 && socket.end());
        left = Math.max(0, left - chunk.length);
      });
      socket.pipe(onward);
    });
    for (const each of [socket, onward]) {
      each.on('error', () => undefined);
      each.on('close', () => [socket, onward].map((other) => other.destroy()));
    }
  });
  return { url: await listenForTest(server), seen, credentials };
}

it('all requests go through the proxy, with its user and password, and not those to NO_PROXY', async () => {
  const { hub, pull, files } = await startHarness();
  const proxy = await startProxy();
  const fetch = createHubFetch({ httpProxy: proxy.url.replace('://', '://me:secret@'), noProxy: 'localhost' });
  expect(await contentOf((await pull({}, { fetch })).dir)).toEqual(wholeContent(files));
  const [hubHost, cdnHost] = [new URL(hub.endpoint).host, new URL(hub.cdn).host];
  expect(proxy.seen.some((url) => url.includes(hubHost))).toBe(true);
  expect(proxy.seen.some((url) => url.includes(cdnHost))).toBe(false);
  expect(new Set(proxy.credentials)).toEqual(new Set([`Basic ${Buffer.from('me:secret').toString('base64')}`]));
});

it('a proxy that cuts each connection after 9,000 bytes makes a download slow, not wrong', async () => {
  const { pull, files } = await startHarness();
  const proxy = await startProxy({ cutAfter: 9000 });
  const { dir } = await pull({}, { fetch: createHubFetch({ httpProxy: proxy.url }) });
  expect(await contentOf(dir)).toEqual(wholeContent(files));
});

it.each([407, 403, 502])(
  'a proxy that answers %i lets no download begin, and the error names what to set',
  async (status) => {
    const { pull } = await startHarness();
    const proxy = await startProxy({ status });
    const error = await errorOf(pull({}, { fetch: createHubFetch({ httpProxy: proxy.url }) }));
    expect(error.code).toMatch(/^hub_/);
    expect(error.hint).toMatch(/proxy|HTTPS_PROXY/i);
  },
);
