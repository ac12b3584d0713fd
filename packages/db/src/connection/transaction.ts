import { AppError } from '@qwen-edit/contract';
import type pg from 'pg';
import { toCommitError } from './commit-error.ts';
import { isUnanswered, toDatabaseError } from './database-error.ts';
import { createDb, type Db } from './db.ts';
import { type Session, WHOLE_SESSION } from './session.ts';

/**
 * Runs `work` between BEGIN and COMMIT on a connection of its own. The connection goes back to the pool in every case, also if
 * BEGIN itself is refused; one whose state is unknown is closed rather than used again. Rejects with what `work` threw, or with
 * an AppError if the database failed. Its `outcomeUnknown` is true only if COMMIT was sent and its answer did not come: before
 * that nothing can have been committed.
 * (drizzle's own db.transaction leaks the connection when BEGIN fails: drizzle-orm#6114, #6341.)
 *
 * @example await runTransaction(pool, (tx) => tx.execute(sql`delete from notes`))
 */
export async function runTransaction<T>(
  pool: pg.Pool,
  work: (tx: Db) => Promise<T>,
  session: Session = WHOLE_SESSION,
): Promise<T> {
  const client = await pool.connect().catch(rethrow);
  let unusable: Error | undefined;
  const onError = (error: Error): void => {
    unusable = error;
  };
  // A connection that breaks while it is checked out and idle would otherwise end the process.
  client.on('error', onError);
  try {
    await client.query(session.begin).catch(rethrow);
    const result = await work(createDb(client, session));
    const { command } = await client.query('commit').catch((thrown: unknown) => {
      throw toCommitError(thrown);
    });
    // The server answers COMMIT of a failed transaction with ROLLBACK, without an error.
    if (command !== 'COMMIT') throw new AppError('internal', 'The transaction was rolled back at its commit.');
    return result;
  } catch (thrown) {
    if (isUnanswered(thrown)) unusable = thrown;
    else await client.query('rollback').catch(onError);
    throw thrown;
  } finally {
    client.off('error', onError);
    client.release(unusable);
  }
}

function rethrow(thrown: unknown): never {
  throw toDatabaseError(thrown);
}
