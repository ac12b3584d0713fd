import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy to PostgreSQL whose connections a test can cut. */
export interface CuttingProxy {
  /** The same database, through the proxy. */
  readonly url: string;
  /** Cuts all connections and accepts no new ones until `mend`. */
  cut(): void;
  mend(): void;
  /** The server runs the next statement that contains this text, but the answer is lost with its connection. */
  loseAnswerTo(text: string): Promise<void>;
  close(): Promise<void>;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  let trap: { text: string; sprung: () => void } | undefined;

  const server = createServer((client) => {
    if (isCut) return client.destroy();
    const upstream = connect(Number(port), hostname);
    let loses: (() => void) | undefined;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (trap !== undefined && chunk.includes(trap.text)) {
        loses = trap.sprung;
        trap = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (loses === undefined) client.write(chunk);
      else {
        client.destroy();
        loses();
      }
    });
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);

  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut() {
      isCut = true;
      cutAll();
    },
    mend() {
      isCut = false;
    },
    loseAnswerTo: (text) =>
      new Promise((sprung) => {
        trap = { text, sprung };
      }),
    async close() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}
