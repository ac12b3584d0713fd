// Runs a TypeScript file with a Node that can: node scripts/run.mjs FILE.ts [arguments]
import { resolve } from 'node:path';
import { runTypeScript } from '../apps/cli/bin/node-for-typescript.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node scripts/run.mjs FILE.ts [arguments]');
  process.exit(2);
}
await runTypeScript(resolve(file), args);
