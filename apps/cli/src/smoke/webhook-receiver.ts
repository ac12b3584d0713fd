import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { AppError } from '@qwen-edit/contract';

/** A call of the service to this command. */
export interface WebhookCall {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes the calls of webhooks, each answered with 204. */
export interface WebhookReceiver {
  readonly calls: readonly WebhookCall[];
  /** Where it listens. */
  readonly port: number;
  close(): void;
}

/** Throws AppError `usage` if it cannot listen there. */
export async function listenForWebhooks({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<WebhookReceiver> {
  const calls: WebhookCall[] = [];
  const server = createServer((request, response) => {
    text(request).then(
      (body) => {
        calls.push({ headers: request.headers, body });
        response.writeHead(204).end();
      },
      () => response.destroy(),
    );
  });
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new AppError('usage', `--webhook-listen ${host}:${port} cannot be listened on (${why}).`, {
      hint: 'Name an address of this machine and a port that is free.',
      cause,
    });
  });
  const address = server.address();
  return {
    calls,
    port: typeof address === 'object' && address !== null ? address.port : port,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
