import { expect, it } from 'vitest';
import { createEncodingKeys } from './keys.ts';

const NETWORKS = ['sha256:ab', 'fp32', 'cpu'];
const data = Float32Array.of(0, 0.25, 0.5, 0.75);
const grid = { data, rows: 2, columns: 1 };
const pixels = { data, channels: 1, height: 2, width: 2 };
const tokens = { ids: [1, 2, 3], imageStarts: [1] };

it('whatever decides an encoding changes its key, and nothing else does', () => {
  const keys = createEncodingKeys(NETWORKS, 'owner');
  const changed = Float32Array.from(data);
  changed[3] = 0.75000006;
  const all = [
    keys.image(grid),
    keys.image({ ...grid, data: changed }),
    keys.image({ ...grid, rows: 1, columns: 2 }),
    keys.reference(pixels),
    keys.reference(pixels, 'tiled'),
    keys.reference({ ...pixels, data: changed }),
    keys.reference({ ...pixels, height: 1, width: 4 }),
    keys.reference({ ...pixels, channels: 4, height: 1, width: 1 }),
    keys.prompt(tokens, ['a', 'b']),
    keys.prompt({ ...tokens, ids: [1, 2, 4] }, ['a', 'b']),
    keys.prompt({ ...tokens, ids: [12, 3] }, ['a', 'b']),
    keys.prompt({ ...tokens, imageStarts: [2] }, ['a', 'b']),
    keys.prompt(tokens, ['b', 'a']),
    keys.prompt(tokens, ['ab']),
    createEncodingKeys(NETWORKS, 'another owner').image(grid),
    createEncodingKeys(['sha256:cd', 'fp32', 'cpu'], 'owner').image(grid),
    createEncodingKeys(['sha256:ab', 'w8a8', 'cpu'], 'owner').image(grid),
    createEncodingKeys(['sha256:abfp32', 'cpu'], 'owner').image(grid),
  ];
  expect(new Set(all).size).toBe(all.length);
  for (const key of all) expect(key).toMatch(/^[0-9a-f]{64}$/);
  const again = createEncodingKeys([...NETWORKS], 'owner');
  expect(again.image({ ...grid, data: new Float32Array([9, ...data]).subarray(1) })).toBe(all[0]);
});
