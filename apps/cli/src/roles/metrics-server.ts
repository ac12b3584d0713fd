import { once } from 'node:events';
import { createServer } from 'node:http';
import { httpTimeouts } from '@qwen-edit/api';
import { AppError } from '@qwen-edit/contract';
import type { Metrics } from '@qwen-edit/telemetry';

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers /metrics and /livez for a role that has no API. Throws AppError `port_in_use`. */
export async function startMetricsServer(
  { registry }: Metrics,
  { host, port, keepAliveMs }: { readonly host: string; readonly port: number; readonly keepAliveMs?: number },
): Promise<MetricsServer> {
  const server = createServer(httpTimeouts({ keepAliveMs }), async (request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/metrics') {
      const text = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } else if (path === '/livez')
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"live"}');
    else response.writeHead(404).end();
  });
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
