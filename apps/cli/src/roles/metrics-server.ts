import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGuardedServer, refuseForeignHost, refuseRequest } from '@qwen-edit/api';
import { AppError, toAppError } from '@qwen-edit/contract';
import type { Metrics } from '@qwen-edit/telemetry';
import { isLoopback } from './is-loopback.ts';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly keepAliveMs?: number | undefined;
  /** Names of hosts under which it answers too. */
  readonly allowedHosts?: readonly string[] | undefined;
}

/** Answers /metrics and /livez for a role that has no API. Throws AppError `port_in_use`. */
export async function startMetricsServer(
  metrics: Metrics,
  { host, port, keepAliveMs, allowedHosts = [] }: MetricsServerOptions,
): Promise<MetricsServer> {
  /** Browsers run where the loopback is. Other addresses are for machines, which may use any name. */
  function refuseForeignPages({ headers }: IncomingMessage): void {
    const url = `http://${headers.host ?? 'localhost'}/`;
    if (!URL.canParse(url)) throw new AppError('request_malformed', 'The Host header is wrong.');
    if (isLoopback(host)) refuseForeignHost(url, { publicUrl: undefined, allowedHosts });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0];
    refuseForeignPages(request);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      refuseRequest(request, response, new AppError('method_not_allowed', 'This address takes GET, HEAD.'));
    } else if (path === '/metrics') {
      const text = await metrics.scrape({ owners: true });
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    } else if (path === '/livez') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"live"}');
    } else {
      refuseRequest(request, response, new AppError('not_found', 'There is nothing at this address.'));
    }
  }

  const server = createGuardedServer(
    (request, response) =>
      void answer(request, response).catch((thrown: unknown) => refuseRequest(request, response, toAppError(thrown))),
    { timeouts: { keepAliveMs } },
  );
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new AppError('port_in_use', `The port ${port} of ${host} cannot be listened on.`, {
      hint: 'Set QWEN_EDIT_METRICS_PORT to a free one, or unset it.',
      cause,
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
