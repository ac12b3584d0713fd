import pg from 'pg';
import { readDatabaseUrl } from './connection-url.ts';
import { sqlState } from './database-error.ts';
import { startupProblem } from './startup-problem.ts';

export interface ConnectorOptions {
  readonly url: string;
  /** The variable that the URL comes from. */
  readonly setting: string;
  /** Sent when a connection starts, unless what answers refuses them. A pooler in transaction mode does. */
  readonly startup?: Pick<pg.ClientConfig, 'statement_timeout' | 'idle_in_transaction_session_timeout'>;
  /** The rest of each connection's options. */
  readonly config: pg.ClientConfig;
}

/** Knows how connections to one address are made, and learns from those that fail. */
export interface Connector {
  /** False once what answers has refused the parameters of `startup`. */
  readonly startupSent: boolean;
  /** Makes clients that connect in the way which is known to work. To be given to pg.Pool. */
  readonly Client: new () => pg.Client;
  /** Runs `connect`, which makes a client, until it succeeds or no other way is left. */
  run<T>(connect: () => Promise<T>): Promise<T>;
  /** A connection of its own, for whoever needs a session. */
  open(): Promise<pg.Client>;
}

/** One way to connect: a place in the list of choices about TLS, and whether parameters are sent. */
interface Way {
  readonly tls: number;
  readonly startup: boolean;
}

/**
 * Makes connections to a database, as libpq does where `sslmode` leaves a choice: another way is tried when one is refused, and
 * the one that worked is the first for the next connection. Throws AppError `usage` if the URL cannot be used.
 */
export function createConnector({ url, setting, startup = {}, config }: ConnectorOptions): Connector {
  const address = readDatabaseUrl(url, setting);
  const { choices } = address.tls;
  let way: Way = { tls: 0, startup: Object.keys(startup).length > 0 };
  /** The way of the connection that failed. Many may fail at once, after one of them has changed the way. */
  const failedBy = new WeakMap<object, Way>();

  // pg.Pool takes no other form than a class.
  class Client extends pg.Client {
    constructor() {
      const mine = way;
      const choice = choices[mine.tls] ?? false;
      super({
        ...config,
        ...(mine.startup ? startup : {}),
        ...address.config,
        // A copy, because pg hides the key in the object that it gets.
        ssl: choice === false ? false : { ...choice },
      });
      const { connection } = this;
      connection.on('error', (error: Error) => failedBy.set(error, mine));
      connection.on('errorMessage', (error: Error) => failedBy.set(error, mine));
    }
  }

  /** The way to try after this failure; undefined if there is no better one. */
  function nextWay(thrown: unknown): Way | undefined {
    const failed = typeof thrown === 'object' && thrown !== null ? failedBy.get(thrown) : undefined;
    if (failed === undefined) return undefined;
    const problem = startupProblem(thrown);
    if (problem === 'parameter' && failed.startup) return { ...failed, startup: false };
    const other = choices.length > 1 ? 1 - failed.tls : failed.tls;
    if (other === failed.tls) return undefined;
    const encrypted = choices[failed.tls] !== false;
    const movesOn = encrypted
      ? problem === 'tls' || problem === 'denied'
      : problem === 'denied' || problem === 'tls_wanted';
    return movesOn ? { ...failed, tls: other } : undefined;
  }

  async function run<T>(connect: () => Promise<T>): Promise<T> {
    const tried = new Set<string>();
    let first: unknown;
    for (;;) {
      try {
        return await connect();
      } catch (thrown) {
        const failed = typeof thrown === 'object' && thrown !== null ? failedBy.get(thrown) : undefined;
        const next = nextWay(thrown);
        if (failed === undefined || next === undefined) throw thrown;
        tried.add(keyOf(failed));
        // Both with and without TLS it was refused: what came first says more than the second refusal.
        if (tried.has(keyOf(next))) throw first ?? thrown;
        first ??= sqlState(thrown) === '' || startupProblem(thrown) === 'parameter' ? undefined : thrown;
        way = next;
      }
    }
  }

  return {
    get startupSent() {
      return way.startup;
    },
    Client,
    run,
    open: () =>
      run(async () => {
        const client = new Client();
        // A connection can break before its user listens to it, which would end the process.
        client.on('error', () => undefined);
        try {
          await client.connect();
          return client;
        } catch (thrown) {
          client.connection.stream.destroy();
          throw thrown;
        }
      }),
  };
}

const keyOf = ({ tls, startup }: Way): string => `${tls} ${startup}`;
