import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * What happens when the client sends a text. `refuse`: the proxy answers with an error, and the text does not reach the server.
 * `reset`: the proxy cuts the connection instead. `answer_lost`: the text reaches the server, and the proxy cuts the connection
 * before the answer comes. `silence`: from then on nothing gets through in either direction, and no side is told.
 */
export type WireFault = 'refuse' | 'reset' | 'answer_lost' | 'silence';

export interface FaultyProxy {
  /** Address of the database by way of the proxy. */
  readonly url: string;
  /** Applies a fault to the next `times` messages of the client that contain `text`, or to all of them until `heal` is called. */
  break(text: string, fault: WireFault, times?: number): void;
  heal(): void;
}

/** Starts a proxy between a test and PostgreSQL that injects faults. It is closed when the running test is over. */
export async function startProxy(url: string): Promise<FaultyProxy> {
  const target = new URL(url);
  let broken: { text: string; fault: WireFault; times: number } | undefined;
  const sockets = new Set<Socket>();

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let silent = false;
    let answerLost = false;
    const cut = (): void => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        if (!silent) other.destroy();
      });
    }
    client.on('data', (data) => {
      const fault = broken !== undefined && data.includes(broken.text) ? broken.fault : undefined;
      if (broken !== undefined && fault !== undefined && --broken.times === 0) broken = undefined;
      if (fault === 'silence') silent = true;
      if (silent) return;
      if (fault === 'reset') cut();
      else if (fault === 'refuse') client.write(REFUSAL);
      else {
        if (fault === 'answer_lost') answerLost = true;
        upstream.write(data);
      }
    });
    upstream.on('data', (data) => {
      if (answerLost) cut();
      else if (!silent) client.write(data);
    });
  });

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const ours = new URL(url);
  ours.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url: ours.href,
    break: (text, fault, times = Number.POSITIVE_INFINITY) => {
      broken = { text, fault, times };
    },
    heal: () => {
      broken = undefined;
    },
  };
}

/** Address of a server that ends each connection in the same breath as it declares it ready. */
export async function startDyingServer(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const ready = Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')]);
    const farewell = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
    socket.once('data', () => socket.end(Buffer.concat([ready, farewell])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `postgres://nobody@127.0.0.1:${typeof address === 'object' ? address?.port : ''}/none`;
}

/** ErrorResponse and ReadyForQuery. Source: PostgreSQL, Message Formats. */
const REFUSAL = Buffer.concat([
  message('E', 'SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0'),
  message('Z', 'I'),
]);

function message(type: string, body: string): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}
