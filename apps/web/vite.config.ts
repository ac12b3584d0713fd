import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** A service to develop against: `npm start` beside `npx vite apps/web`. */
const SERVICE = 'http://127.0.0.1:7860';

export default defineConfig({
  root: here('.'),
  // Behind a proxy the page may lie under a path.
  base: './',
  resolve: { alias: { '@photos': here('../../scripts/demo/photos') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The policy allows pictures from files only; inlined ones would grow the first load.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(['/v1', '/health', '/livez'].map((path) => [path, SERVICE])) },
});
