import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { until } from './waiting.ts';

/** What a receiver of webhooks does with a delivery: answers this status, or never. */
export type Answer = number | 'never';

/** One delivery, as the receiver noted it. */
export interface Received {
  /** The receiver's name in the address, and the address. */
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly answer: Answer;
}

/** The world outside: receivers of webhooks, and pictures to be fetched. */
export interface Outside {
  /** Address of a receiver that answers so, one after the other; 204 from then on. */
  hook(name: string, ...answers: readonly Answer[]): string;
  /** Address of a picture. */
  picture(bytes: Uint8Array): string;
  /** Everything that was ever received. */
  readonly received: readonly Received[];
  /** Resolves when a receiver has got so many deliveries. */
  untilReceived(name: string, count?: number): Promise<readonly Received[]>;
  close(): void;
}

export async function startOutside(): Promise<Outside> {
  const scripts = new Map<string, Answer[]>();
  const pictures: Uint8Array[] = [];
  const received: Received[] = [];
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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    received,
    hook(name, ...answers) {
      scripts.set(name, [...answers]);
      return hookUrl(name);
    },
    picture: (bytes) => `${base}/pictures/${pictures.push(bytes) - 1}`,
    untilReceived: (name, count = 1) =>
      until(`${count} deliveries to ${name}`, () => {
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
