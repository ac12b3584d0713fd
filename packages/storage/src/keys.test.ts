import { describe, expect, it } from 'vitest';
import { STORED_KINDS, type StoredKind, withThumbnails } from './keys.ts';
import { isKey } from './names.ts';

const { input, upload, output, thumbnail } = STORED_KINDS;
const kinds: readonly StoredKind[] = Object.values(STORED_KINDS);
const outputIds = { jobId: 'job_01a', leaseToken: '0f9e', index: 3, extension: 'jpg' };

const EXAMPLES = [
  ['inputs/asset_01a', input.keyOf({ assetId: 'asset_01a' }), { assetId: 'asset_01a' }],
  ['uploads/upload_01a', upload.keyOf({ uploadId: 'upload_01a' }), { uploadId: 'upload_01a' }],
  ['outputs/job_01a/0f9e/3.jpg', output.keyOf(outputIds), outputIds],
  [
    'thumbnails/inputs/asset_01a.webp',
    thumbnail.keyOf({ pictureKey: 'inputs/asset_01a' }),
    { pictureKey: 'inputs/asset_01a' },
  ],
  [
    'thumbnails/outputs/job_01a/0f9e/3.jpg.webp',
    thumbnail.keyOf({ pictureKey: 'outputs/job_01a/0f9e/3.jpg' }),
    { pictureKey: 'outputs/job_01a/0f9e/3.jpg' },
  ],
] as const;

describe('the keys of stored objects', () => {
  it.each(EXAMPLES)('%s is made from ids, and is of exactly one kind, which gives the ids again', (key, made, ids) => {
    expect(made).toBe(key);
    expect(isKey(key)).toBe(true);
    expect(kinds.map((kind) => kind.parse(key)).filter((parsed) => parsed !== undefined)).toEqual([ids]);
  });

  it.each([
    '',
    'inputs/',
    'inputs',
    'others/1',
    'inputs/asset_1/more',
    'inputs/asset_1.png',
    'outputs/job_1/0.png',
    'outputs/job_1/0f9e/0',
    'outputs/job_1/0f9e/x.png',
    'thumbnails/inputs/asset_1',
    'thumbnails/inputs/asset_1.png',
    'thumbnails/others/1.webp',
    'thumbnails/thumbnails/inputs/asset_1.webp.webp',
    'snapshots/job_1',
  ])('%j is of no kind', (key) => {
    expect(kinds.filter((kind) => kind.parse(key) !== undefined)).toEqual([]);
  });

  it('no prefix begins with another', () => {
    for (const { prefix } of kinds) {
      expect(prefix).toMatch(/^[a-z-]+\/$/);
      expect(kinds.filter((other) => other.prefix.startsWith(prefix))).toHaveLength(1);
    }
  });

  it('a thumbnail stays as long as the row of its picture, every other object as long as its own row', () => {
    const rowKeys = EXAMPLES.map(([key]) => {
      const kind = kinds.find(({ prefix }) => key.startsWith(prefix));
      return kind?.sweep.rule === 'without-row' ? kind.sweep.rowKey(key) : undefined;
    });
    expect(rowKeys).toEqual([
      'inputs/asset_01a',
      'uploads/upload_01a',
      'outputs/job_01a/0f9e/3.jpg',
      'inputs/asset_01a',
      'outputs/job_01a/0f9e/3.jpg',
    ]);
  });

  it('thumbnails are deleted with their pictures', () => {
    expect(withThumbnails(['inputs/a', 'outputs/j/t/0.png'])).toEqual([
      'inputs/a',
      'thumbnails/inputs/a.webp',
      'outputs/j/t/0.png',
      'thumbnails/outputs/j/t/0.png.webp',
    ]);
  });
});
