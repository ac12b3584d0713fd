import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../../..');
const TRANSITIONS = 'packages/db/src/jobs/transitions/';
/** A statement that writes to jobs, in SQL or in drizzle's words. Tables whose names only begin so are others. */
const WRITE =
  /\b(?:update\s+(?:only\s+)?|insert\s+into\s+|delete\s+from\s+)(?:public\.)?"?jobs\b|\.(?:update|insert|delete)\(\s*jobs\b/gi;

/** An order of queued jobs that is written out, instead of `inQueueOrder`. */
const ORDER = /\border\s+by\s[\w\s,."(]*?\b(?:visible_at|queue_rank)\b|\borderBy\([^;]*?\b(?:visibleAt|queueRank)\b/gi;

function ordersOfQueue(text: string): string[] {
  return [...text.matchAll(ORDER)].map(([found]) => found);
}

function writesToJobs(text: string): string[] {
  return [...text.matchAll(WRITE)].map(([found]) => found);
}

async function sourceFiles(): Promise<string[]> {
  const rooms = await Promise.all(
    ['apps', 'packages'].map((folder) => readdir(join(ROOT, folder), { recursive: true, withFileTypes: true })),
  );
  return rooms
    .flat()
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('node_modules/'));
}

/** Paths of the sources in which something is found. */
async function sourcesWith(find: (text: string) => readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of await sourceFiles())
    if (find(await readFile(join(ROOT, path), 'utf8')).length > 0) found.push(path);
  return found;
}

it('only the files of jobs/transitions write to the jobs table', async () => {
  const writing = await sourcesWith(writesToJobs);
  // If it found none at all, it would look in the wrong place.
  expect(writing.length).toBeGreaterThan(5);
  expect(writing.filter((path) => !path.startsWith(TRANSITIONS))).toEqual([]);
});

it.each([
  'sql`update jobs set visible_at = now()`',
  'sql`with gone as (delete from jobs where id = $1)`',
  'sql`INSERT INTO jobs (id) values ($1)`',
  'sql`update public.jobs set step = 1`',
  'sql`\n      update\n        jobs set step = 1`',
  'db.update(jobs).set({ step: 1 })',
  'db\n    .delete(jobs)',
])('a write that is planted elsewhere is found: %j', (planted) => {
  expect(writesToJobs(planted)).toHaveLength(1);
});

it.each([
  'update outbox set id = 1',
  'select id from jobs for update',
  'delete from job_events',
  'insert into jobs_old',
])('what writes to no job is left alone: %s', (text) => {
  expect(writesToJobs(text)).toEqual([]);
});

it('the order of the queue is written in one place', async () => {
  expect(await sourcesWith(ordersOfQueue)).toEqual([]);
  const order = await readFile(join(import.meta.dirname, 'queue-order.ts'), 'utf8');
  expect(order).toContain('inQueueOrder: SQL = sql`queue_rank, id`');
});

it.each([
  'sql`select id from jobs order by queue_rank, id`',
  'sql`select id from jobs order by owner, jobs.visible_at limit 1`',
  'db.select().from(jobs).orderBy(asc(jobs.id), asc(jobs.queueRank))',
])('an order that is planted elsewhere is found: %s', (planted) => {
  expect(ordersOfQueue(planted)).toHaveLength(1);
});
