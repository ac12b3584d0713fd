import { mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'vitest';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { changeJson, changeSafetensors, copyOf, type SafetensorsHeader, tensorsOf } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

const load = (dir: string) => loadModel(dir, { threads: 1, pause: async () => undefined });
const SHARD = 'diffusion_pytorch_model-00002-of-00004.safetensors';
const shardOf = (dir: string): string => join(dir, 'transformer', SHARD);

describe('a shard that is cut off is refused by name', () => {
  it.each<[string, (size: number) => number]>([
    ['by one byte', (size) => size - 1],
    ['in half', (size) => Math.floor(size / 2)],
    ['within its header', () => 100],
    ['to nothing', () => 0],
  ])('%s', async (_, length) => {
    const dir = await copyOf('tiny-b');
    await truncate(shardOf(dir), length((await readFile(shardOf(dir))).length));
    await expectRefusal(load(dir), 'model_corrupt', SHARD);
  });
});

describe('a header that lies is refused by file and tensor', () => {
  it.each<[string, bigint, string]>([
    ['beyond the file', 10_000_000n, 'claims 10000000 bytes'],
    ['beyond all files', 2n ** 63n, 'claims'],
    ['of nothing', 0n, 'not JSON'],
    ['that cuts the JSON', 50n, 'not JSON'],
  ])('a length %s', async (_, bytes, says) => {
    const dir = await copyOf('tiny-b');
    const nothing = () => undefined;
    await changeSafetensors(shardOf(dir), nothing, bytes);
    await expectRefusal(load(dir), 'model_corrupt', SHARD, says);
  });

  it.each([
    ['{ no JSON ', 'not JSON'],
    ['[1,2,3,4]', 'not an object'],
  ])('the header %j', async (json, says) => {
    const dir = await copyOf('tiny-b');
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(json.length));
    await writeFile(shardOf(dir), Buffer.concat([prefix, Buffer.from(json)]));
    await expectRefusal(load(dir), 'model_corrupt', SHARD, says);
  });

  /** Each returns the name of the tensor that the error has to contain, or '', and the data if it changes them. */
  type Lie = (header: SafetensorsHeader, data: Buffer) => string | readonly [string, Buffer];
  it.each<[string, string, Lie]>([
    [
      'offsets beyond the file',
      'ends at byte',
      (header) => {
        const [name, entry] = tensorsOf(header).at(-1)!;
        entry.data_offsets[1] += 2;
        return name;
      },
    ],
    [
      'offsets in the wrong order',
      'ends at byte',
      (header) => {
        const [name, entry] = tensorsOf(header)[1]!;
        entry.data_offsets.reverse();
        return name;
      },
    ],
    [
      'a negative offset',
      'malformed',
      (header) => {
        const [name, entry] = tensorsOf(header)[0]!;
        entry.data_offsets[0] = -2;
        return name;
      },
    ],
    [
      'a side that is no whole number',
      'malformed',
      (header) => {
        const [name, entry] = tensorsOf(header)[0]!;
        entry.shape[0] = 1.5;
        return name;
      },
    ],
    [
      'tensors that overlap',
      'overlaps',
      (header) => {
        const [, [, earlier], [name, later]] = tensorsOf(header) as [unknown, [string, Entry], [string, Entry]];
        const bytes = later.data_offsets[1] - later.data_offsets[0];
        later.data_offsets = [earlier.data_offsets[1] - 2, earlier.data_offsets[1] - 2 + bytes];
        return name;
      },
    ],
    [
      'a hole between tensors',
      'hole before',
      (header, data) => {
        const [, [name, second], ...rest] = tensorsOf(header) as [unknown, [string, Entry], ...[string, Entry][]];
        const place = second.data_offsets[0];
        for (const entry of [second, ...rest.map(([, each]) => each)])
          entry.data_offsets = [entry.data_offsets[0] + 8, entry.data_offsets[1] + 8];
        return [name, Buffer.concat([data.subarray(0, place), Buffer.alloc(8), data.subarray(place)])];
      },
    ],
    ['bytes behind the last tensor', '3 bytes at the end', (_, data) => ['', Buffer.concat([data, Buffer.alloc(3)])]],
    [
      'a size that does not fit the type',
      'F32 [',
      (header) => {
        const [name, entry] = tensorsOf(header)[0]!;
        entry.dtype = 'F32';
        return name;
      },
    ],
  ])('%s', async (_, says, lie) => {
    const dir = await copyOf('tiny-b');
    let named = '';
    await changeSafetensors(shardOf(dir), (header, data) => {
      const told = lie(header, data);
      [named] = typeof told === 'string' ? [told] : told;
      return typeof told === 'string' ? undefined : told[1];
    });
    await expectRefusal(load(dir), 'model_corrupt', SHARD, named, says);
  });
});

type Entry = SafetensorsHeader[string];

/** Gives the tensor at `path` of a single-file component another name, type or shape; its sizes stay correct. */
async function changeEntry(file: string, tensor: string, change: (header: SafetensorsHeader, entry: Entry) => void) {
  await changeSafetensors(file, (header) => {
    change(header, header[tensor]!);
    return undefined;
  });
}

describe('weights that do not fit the configuration are refused by name', () => {
  it.each([
    ['text_encoder/model.safetensors', 'model.embed_tokens.weight'],
    ['text_encoder/model.safetensors', 'visual.merger.ln_q.weight'],
    ['transformer/diffusion_pytorch_model.safetensors', 'proj_out.weight'],
    ['vae/diffusion_pytorch_model.safetensors', 'decoder.conv_out.weight'],
  ])('%s: %s of an unsupported type, missing, or of another shape', async (file, tensor) => {
    const component = dirname(file);
    const dir = await copyOf('tiny-c');
    const path = join(dir, file);
    const original = await readFile(path);
    for (const dtype of ['I32', 'F64', 'F8_E4M3', 'nonsense']) {
      await writeFile(path, original);
      await changeEntry(path, tensor, (_, entry) => {
        entry.dtype = dtype;
      });
      await expectRefusal(load(dir), 'model_unsupported', component, tensor, dtype);
    }

    await writeFile(path, original);
    await changeEntry(path, tensor, (header, entry) => {
      header[`${tensor}.renamed`] = entry;
      delete header[tensor];
    });
    await expectRefusal(load(dir), 'model_incomplete', component, tensor);

    await writeFile(path, original);
    await changeEntry(path, tensor, (_, entry) => {
      entry.shape = [...entry.shape, 1];
    });
    await expectRefusal(load(dir), 'model_corrupt', component, tensor, 'the configuration asks for');
  });

  it('a configuration that promises more blocks than there are', async () => {
    const dir = await copyOf('tiny-c');
    await changeJson(dir, 'transformer/config.json', (json) => {
      json.num_layers = 3;
    });
    await expectRefusal(load(dir), 'model_incomplete', 'transformer', 'transformer_blocks.2.');
  });
});

describe('an index cannot point out of the folder', () => {
  const INDEX = 'transformer/diffusion_pytorch_model.safetensors.index.json';
  const pointTo = (dir: string, file: unknown): Promise<void> =>
    changeJson(dir, INDEX, (json) => {
      const map = json.weight_map as Record<string, unknown>;
      map[Object.keys(map).find((name) => map[name] === SHARD)!] = file;
    });

  it.each(['../x.safetensors', 'sub/x.safetensors', 'sub\\x.safetensors', '..', '.', '', 'x\0.safetensors'])(
    'to %j',
    async (file) => {
      const dir = await copyOf('tiny-b');
      await mkdir(join(dir, 'transformer/sub'));
      await pointTo(dir, file);
      await expectRefusal(load(dir), 'model_corrupt', 'transformer', JSON.stringify(file), 'no file of this folder');
    },
  );

  it('by an absolute path, to a whole file that is there', async () => {
    const dir = await copyOf('tiny-b');
    const elsewhere = join(dir, '..', SHARD);
    await rename(shardOf(dir), elsewhere);
    await changeJson(dir, INDEX, (json) => {
      const map = json.weight_map as Record<string, string>;
      for (const name of Object.keys(map)) if (map[name] === SHARD) map[name] = elsewhere;
    });
    await expectRefusal(load(dir), 'model_corrupt', 'transformer', elsewhere);
  });

  it('and what it names has to be there', async () => {
    const dir = await copyOf('tiny-b');
    await pointTo(dir, 'other.safetensors');
    await expectRefusal(load(dir), 'model_incomplete', 'transformer/other.safetensors', 'missing');
    await pointTo(dir, 5);
    await expectRefusal(load(dir), 'model_corrupt', INDEX, 'weight_map');
  });

  it('a tensor that its shard does not hold is refused by name', async () => {
    const dir = await copyOf('tiny-b');
    await changeJson(dir, INDEX, (json) => {
      (json.weight_map as Record<string, string>)['no.such.weight'] = SHARD;
    });
    await expectRefusal(load(dir), 'model_corrupt', 'no.such.weight', SHARD);
  });
});
