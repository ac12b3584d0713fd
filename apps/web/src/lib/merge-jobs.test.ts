import { expect, it } from 'vitest';
import { mergeNewest } from './merge-jobs.ts';

const jobs = (ids: string): { id: string }[] => [...ids].map((id) => ({ id }));
const merged = (known: string, page: string): string | undefined =>
  mergeNewest(jobs(known), jobs(page))
    ?.map(({ id }) => id)
    .join('');

it.each([
  ['new jobs come first', 'edcba', 'gfe', 'gfedcba'],
  ['a job that was deleted elsewhere goes', 'edcba', 'ec', 'ecba'],
  ['the oldest of the page may have been deleted here', 'edba', 'edc', 'edcba'],
  ['a page that does not reach what was known is not joined to it', 'cba', 'hgf', undefined],
  ['where nothing is left, nothing stays', 'cba', '', undefined],
])('%s', (_, known, page, wanted) => {
  expect(merged(known, page)).toBe(wanted);
});
