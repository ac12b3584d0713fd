import type { PgColumn } from './drizzle.ts';
import { type SQL, sql } from './drizzle.ts';

/**
 * Milliseconds as an interval of PostgreSQL.
 *
 * @example sql`select now() + ${interval(30_000)}`
 */
export const interval = (ms: number): SQL => sql`(${ms}::double precision * interval '1 millisecond')`;

/** A value as JSON. */
export const toJsonb = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/**
 * An array of text as one parameter: the statement's text is the same for any number of values, so that it is prepared once.
 *
 * @example sql`delete from assets where id = any (${textArray(ids)})`
 */
export const textArray = (values: readonly string[]): SQL => sql`${sql.param(values)}::text[]`;

/** True for rows whose column has one of the values. */
export const isAmong = (column: PgColumn, values: readonly string[]): SQL =>
  sql`${column} = any (${textArray(values)})`;
