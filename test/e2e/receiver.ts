import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pollUntil } from './waiting.ts';

/** What a receiver of webhooks does with a delivery: it answers with this status, or never. */
export type ReceiverAnswer = number | 'never';

/** One delivery that a receiver got. */
export interface ReceivedDelivery {
  /** The receiver's name; the URL ends in it. */
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly answer: ReceiverAnswer;
}

/** The servers of strangers: they receive webhooks and offer pictures. */
export interface Outside {
  /** Returns the URL of a receiver that gives these answers in turn, and 204 to every later delivery. */
  hook(name: string, ...answers: readonly ReceiverAnswer[]): string;
  /** Returns the URL of a picture. */
  picture(bytes: Uint8Array): string;
  /** All deliveries so far, to all receivers. */
  readonly received: readonly ReceivedDelivery[];
  /** Resolves when a receiver has got `count` deliveries. */
  untilReceived(name: string, count?: number): Promise<readonly ReceivedDelivery[]>;
  close(): void;
}

/** Starts them at an address of this machine, by default one that containers do not reach. */
export async function startOutside(host = '127.0.0.1'): Promise<Outside> {
  const scripts = new Map<string, ReceiverAnswer[]>();
  const pictures: Uint8Array[] = [];
  const received: ReceivedDelivery[] = [];
  let base = '';
  const hookUrl = (name: string): string => `${base}/hooks/${name}`;

  const server = createServer(async (request, response) => {
    const [, kind, name = ''] = (request.url ?? '').split('/');
    if (kind === 'pictures') return sendPicture(response, pictures[Number(name)]);
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
    const answer = scripts.get(name)?.shift() ?? 204;
    received.push({
      name,
      url: hookUrl(name),
      headers: { ...(request.headers as Record<string, string>) },
      body,
      answer,
    });
    if (answer !== 'never') response.writeHead(answer).end();
  });
  server.listen(0, host);
  await once(server, 'listening');
  base = `http://${host}:${(server.address() as AddressInfo).port}`;

  return {
    received,
    hook(name, ...answers) {
      scripts.set(name, [...answers]);
      return hookUrl(name);
    },
    picture: (bytes) => `${base}/pictures/${pictures.push(bytes) - 1}`,
    untilReceived: (name, count = 1) =>
      pollUntil(`${count} deliveries to ${name}`, () => {
        const of = received.filter((each) => each.name === name);
        return of.length >= count && of;
      }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function sendPicture(response: ServerResponse, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) response.writeHead(404).end();
  else response.writeHead(200, { 'content-type': 'image/png' }).end(bytes);
}
