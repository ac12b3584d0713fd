#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { runTypeScript } from './node-for-typescript.mjs';

await runTypeScript(fileURLToPath(new URL('../src/main.ts', import.meta.url)), process.argv.slice(2));
