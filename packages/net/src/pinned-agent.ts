import { lookup as lookupAddresses } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { insideRefused, mayCall, type UrlRules } from './check-url.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

const resolveBySystem: Resolve = (host) => lookupAddresses(host, { all: true });

export interface PinnedAgentOptions extends UrlRules {
  readonly resolve?: Resolve | undefined;
  readonly connectTimeoutMs: number;
}

/** For `net.connect`: fails with `url_refused` unless every address of the name may be called. */
export function checkedLookup(resolve: Resolve, rules: UrlRules): LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (found) => {
        const addresses = found.map(({ address }) => ({ address, family: isIP(address) }));
        const [first] = addresses;
        if (first === undefined) callback(notFound(host), '');
        else if (!addresses.every(({ address }) => mayCall(address, rules))) callback(insideRefused(host), '');
        else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (thrown: unknown) => callback(thrown instanceof Error ? thrown : notFound(host), ''),
    );
  };
}

/**
 * Connects only to addresses that it has checked itself. A name is resolved once for each connection, in the connection:
 * there is no second answer of DNS that could differ from the one that was checked. A name with one refused address is
 * refused as a whole. The address of the open connection is looked at too, before a request is sent.
 */
export function createPinnedAgent({
  resolve = resolveBySystem,
  connectTimeoutMs,
  ...rules
}: PinnedAgentOptions): Agent {
  const lookup = checkedLookup(resolve, rules);
  const connect = buildConnector({ lookup, timeout: connectTimeoutMs, allowH2: false });

  return new Agent({
    connect(options, callback) {
      connect(options, (...[error, socket]) => {
        if (error !== null) callback(error, null);
        else if (mayCall(socket.remoteAddress ?? '', rules)) callback(null, socket);
        else {
          socket.destroy();
          callback(insideRefused(options.hostname), null);
        }
      });
    },
    // Kept connections would outlive the answer of DNS that they were checked by; each request gets its own.
    pipelining: 0,
    // The caller's limit covers all phases together.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

function notFound(host: string): Error {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
}
