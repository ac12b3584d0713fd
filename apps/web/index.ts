import { join } from 'node:path';

export { ensurePageBuilt, type PageBuildOptions, type PageLog } from './build/ensure-page-built.ts';

/** Where the built page lies: `index.html`, and `assets/` with hashed names. */
export const pageDir = join(import.meta.dirname, 'dist');
