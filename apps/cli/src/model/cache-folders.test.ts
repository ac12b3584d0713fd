import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { weightCacheDir } from './cache-folders.ts';

it.each<[Record<string, string>, string]>([
  [{}, join(homedir(), '.cache/qwen-edit')],
  [{ XDG_CACHE_HOME: '/caches' }, '/caches/qwen-edit'],
  [{ QWEN_EDIT_OFFLOAD_FOLDER: '/tmp/offload', XDG_CACHE_HOME: '/caches' }, '/tmp/offload'],
  [{ QWEN_EDIT_OFFLOAD_FOLDER: '~/weights' }, join(homedir(), 'weights')],
  [{ QWEN_EDIT_DATA_DIR: '/data' }, join(homedir(), '.cache/qwen-edit')],
])('with %j prepared weights lie in %s', (environment, folder) => {
  expect(weightCacheDir(readConfig(environment))).toBe(folder);
});
