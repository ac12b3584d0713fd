import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createStore } from './create-store.ts';

describe('the address of a store', () => {
  it.each([
    ['file:.qwen-edit/objects', 'file'],
    ['file:///srv/objects', 'file'],
    ['s3://bucket', 's3'],
    ['s3://bucket/', 's3'],
    ['s3://my.bucket-1/a/prefix/', 's3'],
  ])('%s', async (url, kind) => {
    const store = createStore(url);
    expect(store.kind).toBe(kind);
    expect(store.answersSignedUrls).toBe(kind === 's3');
    await store.close();
  });

  it.each([
    '',
    'objects',
    '/srv',
    'file:',
    'file://host/x',
    's3:',
    's3:bucket',
    's3://',
    's3://a/b',
    's3://key:secret@bucket/x',
    'http://x',
    'gs://bucket',
  ])('%j is none', (url) => {
    expect(() => createStore(url)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('STORAGE_URL') }),
    );
  });

  it('is not used before something is asked of the store', () => {
    const folder = join(tmpdir(), `qwen-edit-test-${crypto.randomUUID()}`);
    createStore(`file:${folder}`);
    expect(existsSync(folder)).toBe(false);
  });

  it('of a folder has no signed addresses without a secret', async () => {
    await expect(createStore('file:x').presignGet('a', { expiresSeconds: 1 })).rejects.toThrow(/without a secret/);
  });
});
