import type { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { type NodePgDatabase, NodePgDatabaseClass, NodePgDriver, PgDialect } from '../drizzle.ts';
import { toDatabaseError } from './database-error.ts';
import { withNamedStatements } from './named-statements.ts';
import type { Session } from './session.ts';

/**
 * What statements run on: the pool, or one transaction. A statement that fails rejects with an AppError, whichever way it was
 * written; see toDatabaseError. Drizzle's own `transaction` is left out, because it leaks connections and throws pg's errors:
 * use that of Database.
 */
export type Db = Omit<NodePgDatabase, 'transaction'>;

type Translate = (thrown: unknown) => AppError;

/** Statements on a pool or on one connection of it. Those of a pool commit by themselves: toCommitError translates their errors. */
export function createDb(connection: pg.Pool | pg.PoolClient, of: Session, translate: Translate = toDatabaseError): Db {
  const dialect = new PgDialect();
  const session = new NodePgDriver(withNamedStatements(connection, of), dialect).createSession(undefined);
  return new NodePgDatabaseClass(dialect, withAppErrors(session, translate), undefined);
}

/**
 * The one place where errors of statements are translated. Every statement of drizzle is prepared by its session and then run
 * by one of the prepared statement's methods, so a new function of this package cannot forget it. It has to be out here: what
 * the connection throws, drizzle wraps into an error whose text holds the values, which may be prompts.
 */
function withAppErrors<T extends object>(session: T, translate: Translate): T {
  return replaceMethods(session, (name, call) =>
    name === 'prepareQuery' ? (...args) => withTranslatedRuns(call(...args), translate) : undefined,
  );
}

const RUNS = new Set<string | symbol>(['execute', 'all', 'values']);

function withTranslatedRuns(prepared: unknown, translate: Translate): unknown {
  if (typeof prepared !== 'object' || prepared === null) return prepared;
  return replaceMethods(prepared, (name, call) =>
    RUNS.has(name)
      ? async (...args) => {
          try {
            return await call(...args);
          } catch (thrown) {
            throw translate(thrown);
          }
        }
      : undefined,
  );
}

type Method = (...args: unknown[]) => unknown;

/** The same object, with another method in place of each for which `replace` gives one. */
function replaceMethods<T extends object>(
  object: T,
  replace: (name: string | symbol, original: Method) => Method | undefined,
): T {
  return new Proxy(object, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return replace(name, (...args) => Reflect.apply(value, target, args)) ?? value;
    },
  });
}
