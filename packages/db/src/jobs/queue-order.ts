import { type SQL, sql } from '../drizzle.ts';
import { interval } from '../sql.ts';

/**
 * The order in which queued jobs are taken, as columns of `jobs`, the last of which is the id: lowest first. Whatever takes, counts
 * or sends queued jobs in order uses this and nothing else, so that priorities or fairness between owners change this file only.
 *
 * @example sql`select id from jobs where status = 'queued' order by ${inQueueOrder}`
 * @example sql`(${inQueueOrder}) <= (select ${inQueueOrder} from jobs where id = ${id})`
 */
export const inQueueOrder: SQL = sql`queue_rank, id`;

/** The same as one value, for a row that has to be the first or the last: `order by ${queuePlace} desc limit 1`. */
export const queuePlace: SQL = sql`(${inQueueOrder})`;

/**
 * The rank of a job that joins the queue: behind all that are there. One that may be begun only after a delay stands among those
 * that will have joined by then.
 */
export const rankAtEnd = (delayMs = 0): SQL => sql`now() + ${interval(delayMs)}`;
