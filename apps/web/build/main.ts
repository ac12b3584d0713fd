// Builds the page: node apps/web/build/main.ts [FOLDER]. Run by the service when it starts, and by the image's build.
import { resolve } from 'node:path';
import { pageDir } from '../index.ts';
import { buildPage } from './build-page.ts';

try {
  await buildPage(resolve(process.argv[2] ?? pageDir));
  // Vite's helpers must not keep a build waiting that is done.
  process.exit(0);
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}\n`, () => process.exit(1));
}
