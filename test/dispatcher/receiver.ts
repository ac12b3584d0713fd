import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly at: number;
}

/** Starts a receiver of webhooks. It keeps what it receives, then answers as the test says; by default 204 without a body. */
export async function startReceiver(
  answer: (response: ServerResponse, number: number, request: IncomingMessage) => unknown = (response) =>
    response.writeHead(204).end(),
): Promise<{ readonly url: string; readonly port: number; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ headers: { ...(request.headers as Record<string, string>) }, body, at: performance.now() });
    await answer(response, received.length, request);
  });
  // Reached by every loopback address, each of which is another receiver: 127.0.0.1, 127.0.0.2, …
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, port, received };
}
