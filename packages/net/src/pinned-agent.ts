import { lookup as lookupAddresses } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { mayCall, type UrlRules } from './check-url.ts';

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

/** A lookup for `net.connect` that fails with the code `INSIDE` unless every address of the name may be called. */
export function checkedLookup(resolve: Resolve, rules: UrlRules): LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (found) => {
        const addresses = found.map(({ address }) => ({ address, family: isIP(address) }));
        const [first] = addresses;
        if (first === undefined) callback(notFound(host), '');
        else if (!addresses.every(({ address }) => mayCall(address, rules))) callback(inside(host), '');
        else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (thrown: unknown) => callback(thrown instanceof Error ? thrown : notFound(host), ''),
    );
  };
}

/**
 * Connects only to addresses that it has checked itself. It resolves a name once for each connection, as a part of connecting,
 * so no second answer of DNS can differ from the checked one. A name is refused if one of its addresses is. Before a request is
 * sent, the address of the open connection is checked too.
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
          callback(inside(options.hostname), null);
        }
      });
    },
    // A kept connection would outlive the DNS answer that allowed it, so each request gets its own connection.
    pipelining: 0,
    // The caller has one time limit for all phases together.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

/** Not for callers: see unreachableUnsaid. */
function inside(host: string): Error {
  return Object.assign(new Error(`${host} has an address that is not on the public Internet`), { code: 'INSIDE' });
}

function notFound(host: string): Error {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
}
