import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface RawConnection {
  readonly socket: Socket;
  /** All that was received so far. */
  received(): string;
  /** Resolves with the first answer when the server has closed the connection, or `until` holds. */
  answer(until?: (received: string) => boolean): Promise<RawAnswer>;
}

/** A connection on which anything can be sent. */
export function openRaw(port: number, first: string | Buffer): RawConnection {
  let received = '';
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1');
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let check = (): void => undefined;
  socket.on('data', (text: string) => {
    received += text;
    check();
  });
  // A server that refuses closes while we send.
  socket.on('error', () => undefined);
  socket.on('close', () => resolve());
  socket.write(first);
  return {
    socket,
    received: () => received,
    async answer(until = () => false) {
      const { promise, resolve: enough } = Promise.withResolvers<void>();
      check = () => until(received) && enough();
      check();
      await Promise.race([closed, promise]);
      return parseAnswer(received);
    },
  };
}

function parseAnswer(received: string): RawAnswer {
  const end = received.indexOf('\r\n\r\n');
  const [line = '', ...lines] = received.slice(0, end).split('\r\n');
  const headers = lines.map((each) => {
    const colon = each.indexOf(':');
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
  });
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1]),
    headers: Object.fromEntries(headers),
    text: received.slice(end + 4),
  };
}

/** Head of a POST to /v1/jobs with these further headers. */
export function head(...headers: readonly string[]): string {
  return ['POST /v1/jobs HTTP/1.1', 'Host: 127.0.0.1', ...headers, '', ''].join('\r\n');
}

/** Sends `piece` over and over until the connection is closed; returns how many bytes were taken. */
export async function flood({ socket }: RawConnection, piece: Buffer): Promise<number> {
  while (!socket.destroyed && socket.writable) {
    const flows = await new Promise<boolean>((resolve) => {
      if (socket.write(piece)) setImmediate(resolve, true);
      else {
        socket.once('drain', () => resolve(true));
        socket.once('close', () => resolve(false));
      }
    });
    if (!flows) break;
  }
  return socket.bytesWritten;
}
