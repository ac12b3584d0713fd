import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createKeepAliveServer } from '../support/keep-alive-server.ts';

/** A model as the hub has it. */
export interface HubModel {
  readonly repo: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Which files git LFS keeps. Default: weights, and what is larger than 10 kB. */
  readonly isLfs?: (path: string) => boolean;
  readonly commit?: string;
  /** Needs a token whose account has accepted the licence. */
  readonly gated?: boolean;
  readonly private?: boolean;
}

/** What goes wrong, with the next answers for one file. */
export type Fault =
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: 'drop'; readonly after: number }
  /** No further byte comes after so many; the connection stays open. */
  | { readonly kind: 'stall'; readonly after: number }
  /** An error instead of the file. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** One byte of the content is another. */
  | { readonly kind: 'wrong-byte'; readonly at: number }
  /** All of the file with 200, whatever range was asked for. */
  | { readonly kind: 'no-ranges' }
  /** 200, and a content-length that is too short. */
  | { readonly kind: 'truncated'; readonly length: number }
  /** A page for people with 200. */
  | { readonly kind: 'html' }
  /** The address of the file is over before it is asked for. */
  | { readonly kind: 'expired' }
  /** The hub names another digest. */
  | { readonly kind: 'other-etag' }
  | { readonly kind: 'slow'; readonly chunk: number; readonly everyMs: number };

export interface SeenRequest {
  readonly host: 'hub' | 'cdn';
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface HubServer {
  /** HF_ENDPOINT. */
  readonly endpoint: string;
  readonly cdn: string;
  readonly requests: readonly SeenRequest[];
  /** Adds or replaces a model. Returns its commit. */
  serve(model: HubModel): string;
  /** Faults for the next answers with a file's bytes, one each; or for those of the API, if `path` is `api`. */
  fault(path: string, ...faults: readonly Fault[]): void;
  /** The same fault for all answers from now on. */
  always(path: string, fault: Fault): void;
  /** Resolves when so many more bytes of files were sent; nothing more is sent then until `goOn`. */
  holdAfter(bytes: number): Promise<void>;
  goOn(): void;
  close(): Promise<void>;
}

export interface HubServerOptions {
  /** The token that opens private and gated models. */
  readonly token?: string;
  /** Entries on a page of the list of files. */
  readonly pageSize?: number;
}

const CHUNK = 16 * 1024;

export const lfsIdOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const gitIdOf = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** A hub on a port of this machine, and the host of its files on another. Source: the hub's API, and huggingface_hub as its client. */
export async function startHubServer({ token, pageSize = 1000 }: HubServerOptions = {}): Promise<HubServer> {
  const models = new Map<string, HubModel & { readonly commit: string }>();
  const requests: SeenRequest[] = [];
  const faults = new Map<string, Fault[]>();
  const lasting = new Map<string, Fault>();
  const signed = new Map<string, { readonly bytes: Uint8Array; readonly path: string; readonly until: number }>();
  let hold: { left: number; reached: () => void; readonly goOn: Promise<void>; readonly open: () => void } | undefined;

  const nextFault = (path: string): Fault | undefined => faults.get(path)?.shift() ?? lasting.get(path);
  const note = (host: 'hub' | 'cdn', { method = '', url = '', headers }: IncomingMessage): void => {
    requests.push({ host, method, url, authorization: headers.authorization, range: headers.range });
  };
  const hub = await listening(
    createKeepAliveServer((request, response) => {
      note('hub', request);
      onHub(request, response).catch(() => response.destroy());
    }),
  );
  const cdn = await listening(
    createKeepAliveServer((request, response) => {
      note('cdn', request);
      onCdn(request, response).catch(() => response.destroy());
    }),
  );
  const endpoint = `http://127.0.0.1:${portOf(hub)}`;
  const cdnUrl = `http://localhost:${portOf(cdn)}`;

  async function onHub(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', endpoint);
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree|paths-info)\/([^/]+)/.exec(url.pathname);
    const file = /^(?:\/api\/resolve-cache\/models)?\/([^/]+\/[^/]+?)\/(?:resolve\/)?([^/]+)\/(.+)$/.exec(url.pathname);
    const [, repo = '', ...rest] = api ?? file ?? [];
    const model = models.get(repo);
    const said = request.headers.authorization;
    if (said !== undefined && token !== undefined && said !== `Bearer ${token}`)
      return fail(response, 401, undefined, 'Invalid username or password.');
    const isKnown = said !== undefined && said === `Bearer ${token}`;
    // The hub does not tell strangers which private models there are.
    if (model === undefined || (model.private === true && !isKnown))
      return fail(response, isKnown ? 404 : 401, 'RepoNotFound', 'Repository not found');
    const [what, named = ''] = api === null ? ['resolve', rest[0]] : [rest[0], rest[1]];
    const revision = decodeURIComponent(named);
    if (revision !== 'main' && revision !== model.commit)
      return fail(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    if (api !== null) {
      const fault = nextFault('api');
      if (fault?.kind === 'status') return status(response, fault);
      if (fault?.kind === 'html') return html(response);
      if (fault?.kind === 'drop') return void response.destroy();
      if (fault?.kind === 'stall') return;
    }
    if (what === 'revision') return json(response, infoOf(model));
    if (what === 'tree') return tree(url, response, model, revision);
    if (what === 'paths-info')
      return json(
        response,
        entriesOf(model).filter(({ type }) => type === 'file'),
      );
    if (model.gated === true && !isKnown)
      return fail(response, said === undefined ? 401 : 403, 'GatedRepo', `Access to model ${repo} is restricted.`);
    return resolve(request, response, model, decodeURIComponent(rest[1] ?? ''), url);
  }

  function tree(url: URL, response: ServerResponse, model: HubModel & { commit: string }, revision: string): void {
    const all = entriesOf(model);
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const next = from + pageSize;
    if (next < all.length) {
      url.searchParams.set('cursor', String(next));
      response.setHeader('link', `<${endpoint}/api/models/${model.repo}/tree/${revision}${url.search}>; rel="next"`);
    }
    json(response, all.slice(from, next));
  }

  async function resolve(
    request: IncomingMessage,
    response: ServerResponse,
    model: HubModel & { commit: string },
    path: string,
    url: URL,
  ): Promise<void> {
    const bytes = model.files[path];
    if (bytes === undefined) return fail(response, 404, 'EntryNotFound', `${path} does not exist`);
    response.setHeader('x-repo-commit', model.commit);
    const peeked = faults.get(path)?.[0] ?? lasting.get(path);
    if (isLfs(model, path)) {
      const etag = peeked?.kind === 'other-etag' ? lfsIdOf(randomBytes(8)) : lfsIdOf(bytes);
      if (peeked?.kind === 'other-etag') nextFault(path);
      const id = randomBytes(8).toString('hex');
      const until = peeked?.kind === 'expired' ? 0 : Date.now() + 3_600_000;
      if (peeked?.kind === 'expired') nextFault(path);
      signed.set(id, { bytes, path, until });
      response.writeHead(302, {
        location: `${cdnUrl}/${lfsIdOf(bytes)}?Expires=${until}&Signature=${id}`,
        'x-linked-size': String(bytes.length),
        'x-linked-etag': `"${etag}"`,
      });
      response.end();
      return;
    }
    // Small files come from the hub itself, from another address of it.
    if (!url.pathname.startsWith('/api/resolve-cache/')) {
      const location = `/api/resolve-cache/models/${model.repo}/${model.commit}/${encodeURIComponent(path)}?etag=x`;
      response.writeHead(307, {
        location,
        'x-linked-size': String(bytes.length),
        'x-linked-etag': `"${gitIdOf(bytes)}"`,
      });
      response.end();
      return;
    }
    response.setHeader('etag', `"${gitIdOf(bytes)}"`);
    await send(request, response, path, bytes);
  }

  async function onCdn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const found = signed.get(new URL(request.url ?? '', cdnUrl).searchParams.get('Signature') ?? '');
    if (found === undefined || found.until < Date.now()) return fail(response, 403, undefined, 'Request has expired');
    response.setHeader('etag', `"${randomBytes(16).toString('hex')}"`);
    await send(request, response, found.path, found.bytes);
  }

  async function send(request: IncomingMessage, response: ServerResponse, path: string, content: Uint8Array) {
    if (request.method === 'HEAD') {
      response.writeHead(200, { 'content-length': content.length, 'accept-ranges': 'bytes' });
      response.end();
      return;
    }
    const fault = nextFault(path);
    if (fault?.kind === 'status') return status(response, fault);
    if (fault?.kind === 'html') return html(response);
    const bytes = fault?.kind === 'wrong-byte' ? changed(content, fault.at) : content;
    const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const from = first === undefined || fault?.kind === 'no-ranges' || fault?.kind === 'truncated' ? 0 : Number(first);
    const part = fault?.kind === 'truncated' ? bytes.subarray(0, fault.length) : bytes.subarray(from);
    if (from > 0 && from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` });
      response.end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': part.length,
      'accept-ranges': 'bytes',
      ...(from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    await stream(response, part, fault);
  }

  async function stream(response: ServerResponse, part: Uint8Array, fault: Fault | undefined): Promise<void> {
    const end = fault?.kind === 'drop' || fault?.kind === 'stall' ? Math.min(fault.after, part.length) : part.length;
    const size = fault?.kind === 'slow' ? fault.chunk : CHUNK;
    const closed = once(response, 'close');
    for (let at = 0; at < end && !response.destroyed; ) {
      const room = hold === undefined ? size : Math.min(size, hold.left);
      const chunk = part.subarray(at, Math.min(at + room, end));
      if (chunk.length > 0) await Promise.race([written(response, chunk), closed]);
      at += chunk.length;
      if (hold !== undefined) {
        hold.left -= chunk.length;
        if (hold.left <= 0) {
          hold.reached();
          await hold.goOn;
        }
      }
      if (fault?.kind === 'slow') await delay(fault.everyMs);
    }
    if (fault?.kind === 'stall') return;
    if (fault?.kind === 'drop') response.destroy();
    else response.end();
  }

  return {
    endpoint,
    cdn: cdnUrl,
    requests,
    serve(model) {
      const commit = model.commit ?? createHash('sha1').update(randomBytes(20)).digest('hex');
      models.set(model.repo, { ...model, commit });
      return commit;
    },
    fault: (path, ...more) => void faults.set(path, [...(faults.get(path) ?? []), ...more]),
    always: (path, fault) => void lasting.set(path, fault),
    holdAfter(bytes) {
      let open = (): void => undefined;
      const goOn = new Promise<void>((resolve) => {
        open = resolve;
      });
      return new Promise((resolve) => {
        hold = { left: bytes, reached: resolve, goOn, open };
      });
    },
    goOn() {
      hold?.open();
      hold = undefined;
    },
    async close() {
      hold?.open();
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

/** Resolves when the bytes are with the system, or the connection is gone. */
const written = (response: ServerResponse, chunk: Uint8Array): Promise<void> =>
  new Promise((resolve) => void response.write(chunk, () => resolve()));

function isLfs(model: HubModel, path: string): boolean {
  return model.isLfs?.(path) ?? (/\.(safetensors|bin)$/.test(path) || (model.files[path]?.length ?? 0) > 10_000);
}

function infoOf({ repo, commit, files, gated, private: isPrivate }: HubModel & { readonly commit: string }) {
  return {
    ...{
      _id: '65',
      id: repo,
      modelId: repo,
      sha: commit,
      private: isPrivate ?? false,
      gated: gated === true ? 'auto' : false,
    },
    ...{ downloads: 1, likes: 1, lastModified: '2025-12-01T00:00:00.000Z', pipeline_tag: 'image-to-image', tags: [] },
    siblings: Object.keys(files).map((rfilename) => ({ rfilename })),
  };
}

function entriesOf(model: HubModel) {
  const folders = new Set<string>();
  for (const path of Object.keys(model.files))
    if (path.includes('/')) folders.add(path.slice(0, path.lastIndexOf('/')));
  return [
    ...[...folders].map((path) => ({ type: 'directory', oid: gitIdOf(Buffer.from(path)), size: 0, path })),
    ...Object.entries(model.files).map(([path, bytes]) => {
      const pointer = Buffer.from(
        `version https://git-lfs.github.com/spec/v1\noid sha256:${lfsIdOf(bytes)}\nsize ${bytes.length}\n`,
      );
      const lfs = { oid: lfsIdOf(bytes), size: bytes.length, pointerSize: pointer.length };
      return isLfs(model, path)
        ? { type: 'file', oid: gitIdOf(pointer), size: bytes.length, lfs, path }
        : { type: 'file', oid: gitIdOf(bytes), size: bytes.length, path };
    }),
  ];
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function html(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end('<!doctype html><title>Sign in to the network</title>');
}

function fail(response: ServerResponse, code: number, said: string | undefined, error: string): void {
  response.writeHead(code, {
    'content-type': 'application/json',
    ...(said === undefined ? {} : { 'x-error-code': said }),
  });
  response.end(JSON.stringify({ error }));
}

function status(response: ServerResponse, { status: code, retryAfter }: Extract<Fault, { kind: 'status' }>): void {
  response.writeHead(code, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
  response.end('not now');
}

async function listening(server: Server): Promise<Server> {
  server.listen(0);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address: string | AddressInfo | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
