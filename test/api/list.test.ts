import { expect, it } from 'vitest';
import { jobListSchema } from '../../packages/contract/src/index.ts';
import { freshDatabase } from '../db/harness.ts';
import { claim, startTestApi, submitOne, type TestApi } from './harness.ts';

async function list(api: TestApi, query = '') {
  const response = await fetch(`${api.url}/v1/jobs${query}`);
  expect(response.status).toBe(200);
  return jobListSchema.parse(await response.json());
}

it('jobs are listed newest first, page by page, by status', async () => {
  const api = await startTestApi();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.unshift((await submitOne(api)).id);
  const first = await list(api, '?limit=2');
  expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  const second = await list(api, `?limit=2&cursor=${first.next_cursor}`);
  expect(second.data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
  const third = await list(api, `?limit=2&cursor=${second.next_cursor}`);
  expect(third.data.map(({ id }) => id)).toEqual(ids.slice(4));
  expect(third.next_cursor).toBeNull();

  await claim(api.database, ids[2]!);
  expect((await list(api, '?status=running')).data.map(({ id }) => id)).toEqual([ids[2]]);
  expect((await list(api, '?status=failed')).data).toEqual([]);
  const rest = ids.filter((id) => id !== ids[2]);
  expect((await list(api, '?status=queued,failed')).data.map(({ id }) => id)).toEqual(rest);
  expect((await list(api, '?status=running,queued,running')).data.map(({ id }) => id)).toEqual(ids);
  for (const query of [
    '?limit=0',
    '?limit=101',
    '?limit=x',
    '?status=done',
    '?status=',
    '?status=queued,',
    '?status=queued,done',
    `?q=${'x'.repeat(201)}`,
    '?q=a%00b',
    '?cursor=1',
    '?page=2',
    '?limit=1&limit=2',
  ]) {
    const response = await fetch(`${api.url}/v1/jobs${query}`);
    expect(response.status, query).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'invalid_parameter' });
  }
});

it('jobs are found by a part of their prompt, in pages, together with their state', async () => {
  const api = await startTestApi();
  const ids: string[] = [];
  for (const text of ['Make it night', 'make it 50% lighter', 'NIGHT again', '变成夜晚'])
    ids.push((await submitOne(api, { prompt: text })).id);
  const found = async (query: string) => (await list(api, query)).data.map(({ id }) => ids.indexOf(id));
  expect(await found('?q=night')).toEqual([2, 0]);
  expect(await found('?q=%25')).toEqual([1]);
  expect(await found(`?q=${encodeURIComponent('夜')}`)).toEqual([3]);
  expect(await found(`?q=${ids[1]}`)).toEqual([1]);
  expect(await found('?q=')).toEqual([3, 2, 1, 0]);
  const first = await list(api, '?q=night&limit=1');
  expect(await found(`?q=night&limit=1&cursor=${first.next_cursor}`)).toEqual([0]);
  await claim(api.database, ids[0]!);
  expect(await found('?q=night&status=running,failed')).toEqual([0]);
});

it('a list costs the same number of queries however long it is', async () => {
  const database = await freshDatabase();
  let queries = 0;
  const counting: ProxyHandler<typeof database.pool.query> = {
    apply(query, self, args) {
      queries++;
      return Reflect.apply(query, self, args);
    },
  };
  database.pool.query = new Proxy(database.pool.query, counting);
  const api = await startTestApi({ database });
  const costOf = async (limit: number) => {
    queries = 0;
    expect((await list(api, `?limit=${limit}`)).data).toHaveLength(limit);
    return queries;
  };
  /** What the service reads now and then, and keeps for a while, only adds to it. */
  const leastOf = async (limit: number) => {
    const costs: number[] = [];
    for (let n = 0; n < 5; n++) costs.push(await costOf(limit));
    return Math.min(...costs);
  };
  for (let n = 0; n < 8; n++) await submitOne(api);
  const one = await leastOf(1);
  expect(one).toBeGreaterThan(0);
  expect(await leastOf(8)).toBe(one);
});
