import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSafetensorsHeader } from './safetensors.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qwen-edit-safetensors-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(header: unknown, dataBytes: number) {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const path = join(folder, 'x.safetensors');
  await writeFile(path, Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]));
  return { path, start: 8 + json.length, ...(await readSafetensorsHeader(path)) };
}

it('tensors are found by name, whatever their order in the header, and metadata is none', async () => {
  const { path, start, tensors, unsupported } = await read(
    {
      b: { dtype: 'BF16', shape: [2, 3], data_offsets: [8, 20] },
      __metadata__: { format: 'pt' },
      a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      ids: { dtype: 'I64', shape: [1], data_offsets: [20, 28] },
    },
    28,
  );
  expect(tensors).toEqual([
    { name: 'b', dtype: 'BF16', shape: [2, 3], path, offset: start + 8, byteLength: 12 },
    { name: 'a', dtype: 'F32', shape: [2], path, offset: start, byteLength: 8 },
  ]);
  expect([...unsupported]).toEqual([['ids', 'I64']]);
});

it('a header padded with spaces, scalars, empty tensors, and no tensors at all are whole files', async () => {
  const padded = `${JSON.stringify({ x: { dtype: 'F16', shape: [], data_offsets: [0, 2] } })}     `;
  expect((await read(padded, 2)).tensors).toMatchObject([{ shape: [], byteLength: 2 }]);
  const empty = {
    none: { dtype: 'F32', shape: [0, 4], data_offsets: [0, 0] },
    one: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    last: { dtype: 'F32', shape: [0], data_offsets: [4, 4] },
  };
  expect((await read(empty, 4)).tensors).toHaveLength(3);
  expect((await read({}, 0)).tensors).toEqual([]);
});

it('names that objects have by nature are names like any other', async () => {
  const entry = (place: number) => ({ dtype: 'F32', shape: [1], data_offsets: [place, place + 4] });
  const { tensors } = await read({ constructor: entry(0), toString: entry(4) }, 8);
  expect(tensors.map(({ name }) => name)).toEqual(['constructor', 'toString']);
});

it.each<[string, unknown, number, string]>([
  ['bytes in front of the first', { x: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 8, 'hole before x'],
  [
    'an empty tensor inside another',
    {
      x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
      y: { dtype: 'F32', shape: [0], data_offsets: [4, 4] },
    },
    8,
    'overlaps',
  ],
  [
    'no data for its shape',
    { x: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } },
    8,
    'which is 12 bytes, but has 8',
  ],
  ['a shape without end', { x: { dtype: 'F32', shape: [2 ** 52, 2 ** 52], data_offsets: [0, 8] } }, 8, 'but has 8'],
  ['an entry without a type', { x: { shape: [2], data_offsets: [0, 8] } }, 8, 'entry of x is malformed'],
  ['a third offset', { x: { dtype: 'F32', shape: [2], data_offsets: [0, 8, 8] } }, 8, 'malformed'],
])('%s is refused by file and tensor', async (_, header, bytes, says) => {
  await expect(read(header, bytes)).rejects.toMatchObject({
    code: 'model_corrupt',
    message: expect.stringMatching(new RegExp(`^x\\.safetensors: .*${says}`)),
  });
});
