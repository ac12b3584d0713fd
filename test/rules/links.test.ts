import { join } from 'node:path';
import { expect, it } from 'vitest';
import { brokenLinks } from '../../scripts/docs/broken-links.ts';

it('every link of the documents leads to a file and a heading that are there', async () => {
  expect(await brokenLinks(join(import.meta.dirname, '../..'))).toEqual([]);
});
