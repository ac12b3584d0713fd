import { expect, it } from 'vitest';
import { HISTORY, hrefOf, parseRoute, type Route } from './routes.ts';

it.each<Exclude<Route, { name: 'unknown' }>>([
  { name: 'edit' },
  { name: 'job', id: 'job_01' },
  { name: 'job', id: 'a/b?c' },
  { name: 'status' },
  HISTORY,
  { name: 'history', filter: 'failed', query: '变成 & cat' },
])('%j is found again by its address', (route) => {
  expect(parseRoute(hrefOf(route))).toEqual(route);
});

it.each(['', '#', '#/', '/'])('%j is the editor', (hash) => {
  expect(parseRoute(hash)).toEqual({ name: 'edit' });
});

it.each(['#/nowhere', '#/jobs', '#/jobs/a/b', '#/status/x'])('%s leads nowhere', (hash) => {
  expect(parseRoute(hash)).toEqual({ name: 'unknown' });
});

it('what cannot be decoded, and an unknown filter, do no harm', () => {
  expect(parseRoute('#/jobs/%E0%A4%A')).toEqual({ name: 'job', id: '%E0%A4%A' });
  expect(parseRoute('#/history?filter=best')).toEqual(HISTORY);
});
