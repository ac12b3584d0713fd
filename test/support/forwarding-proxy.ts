import { createServer, type IncomingMessage, request as requestTo, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listenForTest } from './listen-for-test.ts';

/** What the service answered, whole. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

/** One call on its way through a stand-in for a balancer. */
export interface ProxiedCall {
  readonly path: string;
  readonly method: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Hands the call on, with these headers changed, and passes the answer on piece by piece. */
  pass(headers?: Readonly<Record<string, string | undefined>>): void;
  /** Hands the call on and waits for the whole answer. */
  whole(changes?: { readonly method?: string; readonly path?: string }): Promise<UpstreamAnswer>;
}

/** Starts a stand-in for a balancer before `target`. It does with each call what the test says. Resolves with its address. */
export function startForwardingProxy(target: string, handle: (call: ProxiedCall) => unknown): Promise<string> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    const path = request.url ?? '/';
    const method = request.method ?? 'GET';
    const open = (
      changes: { method?: string; path?: string },
      headers: Readonly<Record<string, string | undefined>>,
    ) => {
      const said = { ...request.headers, ...headers };
      for (const name of Object.keys(said)) if (said[name] === undefined) delete said[name];
      const upstream = requestTo(new URL(changes.path ?? path, target), {
        agent: false,
        method: changes.method ?? method,
        headers: said,
      });
      response.on('close', () => upstream.destroy());
      // A service may answer, and close, before it has the whole body.
      upstream.on('error', () => (response.headersSent ? request.resume() : response.destroy()));
      return upstream;
    };
    void handle({
      ...{ path, method, request, response },
      pass(headers = {}) {
        const upstream = open({}, headers);
        upstream.on('response', (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          response.flushHeaders();
          answer.pipe(response);
          answer.on('error', () => response.destroy());
        });
        request.pipe(upstream);
      },
      async whole(changes = {}) {
        const sent = await buffer(request);
        return new Promise((resolve, reject) => {
          const upstream = open(changes, {});
          upstream.on('error', reject);
          upstream.on('response', (answer) => {
            buffer(answer).then(
              (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
              reject,
            );
          });
          upstream.end(changes.method === 'GET' ? undefined : sent);
        });
      },
    });
  });
  return listenForTest(server);
}

/** Answers with an answer of the service, of which the body may have been changed. */
export function sendUpstream({ response }: ProxiedCall, { status, headers, body }: UpstreamAnswer): void {
  const { 'content-length': _, 'transfer-encoding': __, ...kept } = headers;
  response.writeHead(status, { ...kept, 'content-length': body.length }).end(body);
}

/** Answers with a page, as balancers do. */
export function sendPage({ request, response }: ProxiedCall, status: number, title: string): void {
  request.resume();
  response.writeHead(status, { 'content-type': 'text/html' }).end(`<html><head><title>${title}</title></head></html>`);
}
