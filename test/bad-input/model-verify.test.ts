import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { ErrorCode } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import {
  type ExpectedFile,
  type ModelFinding,
  type VerifyProgress,
  verifyModel,
} from '../../packages/pipeline/src/index.ts';
import { CHECKPOINTS, checkpointDir } from '../parity/goldens.ts';
import {
  changeJson,
  changeSafetensors,
  copyOf,
  type SafetensorsHeader,
  temporaryFolder,
  tensorsOf,
} from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

const verify = (
  dir: string,
  depth: 'headers' | 'contents' = 'contents',
  expected?: ReadonlyMap<string, ExpectedFile>,
) => verifyModel(dir, { depth, expected, signal: new AbortController().signal });
const SHARD = 'transformer/diffusion_pytorch_model-00002-of-00004.safetensors';
const INDEX = 'transformer/diffusion_pytorch_model.safetensors.index.json';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All files of a checkpoint, as a hub would list them. */
async function listed(dir: string): Promise<Map<string, ExpectedFile>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const facts = files.map(async (path): Promise<[string, ExpectedFile]> => {
    const bytes = await readFile(path);
    return [relative(dir, path), { size: bytes.length, sha256: path.endsWith('.safetensors') ? sha256(bytes) : null }];
  });
  return new Map(await Promise.all(facts));
}

it.each(CHECKPOINTS)('nothing is wrong with the checkpoint %s', async (checkpoint) => {
  const dir = checkpointDir(checkpoint);
  expect(await verify(dir, 'headers')).toEqual([]);
  expect(await verify(dir)).toEqual([]);
});

it('what real weights have is no damage: zero biases, both zeros, denormals, all-one norms, unused words', async () => {
  const dir = await copyOf('tiny-c');
  for (const file of ['transformer/diffusion_pytorch_model', 'text_encoder/model']) {
    await changeSafetensors(join(dir, `${file}.safetensors`), (header, data) => {
      for (const [name, { dtype, shape, data_offsets }] of tensorsOf(header)) {
        const tensor = data.subarray(...data_offsets);
        const one = dtype === 'BF16' ? [0x80, 0x3f] : dtype === 'F16' ? [0, 0x3c] : [0, 0, 0x80, 0x3f];
        if (name.endsWith('.bias')) tensor.fill(0);
        else if (shape.length === 1) tensor.fill(Buffer.from(one));
        // Minus zero, and the smallest of all numbers.
        else if (name.includes('img_mlp'))
          tensor.fill(Buffer.from(dtype === 'F32' ? [0, 0, 0, 0x80] : [0, 0x80, 1, 0]));
        else if (name.endsWith('embed_tokens.weight')) tensor.fill(0, tensor.length / 2);
      }
      return data;
    });
  }
  expect(await verify(dir)).toEqual([]);
  await openModelFolder(dir);
});

/** Damages the data of a weight file. */
const inData = (file: string, change: (header: SafetensorsHeader, data: Buffer) => void) => (dir: string) =>
  changeSafetensors(join(dir, file), (header, data) => {
    change(header, data);
    return data;
  });
const matrixOf = (header: SafetensorsHeader) =>
  tensorsOf(header).find(([, { shape }]) => shape.length === 2 && shape[0]! >= 16)!;
/** NaN and minus infinity in each type, in the last elements of the first matrix. */
const notFinite = (header: SafetensorsHeader, data: Buffer): void => {
  const [, { dtype, data_offsets }] = matrixOf(header);
  const [nan, infinity] = { BF16: [0x7fc1, 0xff80], F16: [0x7e00, 0xfc00], F32: [0x7fc00000, 0xff800000] }[dtype]!;
  const size = dtype === 'F32' ? 4 : 2;
  data.writeUIntLE(nan!, data_offsets[1] - size, size);
  data.writeUIntLE(infinity!, data_offsets[1] - 2 * size, size);
};

interface Damage {
  readonly does: (dir: string) => Promise<unknown>;
  readonly file: string | null;
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint: string;
  /** Whether it is found without reading the contents, and by every load. */
  readonly found: 'load' | 'headers' | 'contents';
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a missing shard': {
    does: (dir) => rm(join(dir, SHARD)),
    ...{ file: SHARD, code: 'model_incomplete', says: 'missing', hint: 'what is missing', found: 'load' },
  },
  'a missing configuration': {
    does: (dir) => rm(join(dir, 'vae/config.json')),
    ...{ file: 'vae/config.json', code: 'model_incomplete', says: 'missing', hint: 'what is missing', found: 'load' },
  },
  'a truncated shard': {
    does: async (dir) => truncate(join(dir, SHARD), (await stat(join(dir, SHARD))).size / 2),
    ...{ file: SHARD, code: 'model_corrupt', says: 'cut off', hint: 'again', found: 'load' },
  },
  'a shard whose second half is zero': {
    does: inData(SHARD, (_, data) => data.fill(0, Math.floor(data.length / 2) + 1)),
    ...{ file: SHARD, code: 'model_corrupt', says: 'not written whole', hint: 'again', found: 'load' },
  },
  'a shard that is zero from its first tensor on': {
    does: inData(SHARD, (_, data) => data.fill(0)),
    ...{ file: SHARD, code: 'model_corrupt', says: 'not written whole', hint: 'again', found: 'load' },
  },
  'a hole of zeros in the first half of a shard': {
    does: inData(SHARD, (_, data) => data.fill(0, 30_001, 60_001)),
    ...{ file: SHARD, code: 'model_corrupt', says: 'bytes ', hint: 'again', found: 'load' },
  },
  'a hole of a page': {
    does: inData(SHARD, (header, data) => {
      const [, { data_offsets }] = matrixOf(header);
      data.fill(0, data_offsets[0] + 3, data_offsets[0] + 4103);
    }),
    ...{ file: SHARD, code: 'model_corrupt', says: 'not written whole', hint: 'again', found: 'contents' },
  },
  'NaN and infinity, bf16': {
    does: inData(SHARD, notFinite),
    ...{
      file: SHARD,
      code: 'model_corrupt',
      says: 'has 2 values that are no finite numbers',
      hint: 'again',
      found: 'contents',
    },
  },
  'NaN and infinity in the VAE': {
    does: inData('vae/diffusion_pytorch_model.safetensors', (header, data) => {
      const [, { dtype, data_offsets }] = tensorsOf(header).find(([name]) => name === 'decoder.conv_out.bias')!;
      data.writeUIntLE(
        dtype === 'F32' ? 0x7f800000 : dtype === 'F16' ? 0x7c00 : 0x7f80,
        data_offsets[0],
        dtype === 'F32' ? 4 : 2,
      );
    }),
    ...{
      file: 'vae/diffusion_pytorch_model.safetensors',
      code: 'model_corrupt',
      says: 'decoder.conv_out.bias has a value',
      hint: 'again',
      found: 'contents',
    },
  },
  'a configuration with more blocks than there are': {
    does: (dir) =>
      changeJson(dir, 'transformer/config.json', (json) => {
        json.num_layers = 9;
      }),
    ...{
      file: 'transformer/config.json',
      code: 'model_incomplete',
      says: ' more.',
      hint: 'one revision',
      found: 'headers',
    },
  },
  'a configuration with fewer blocks than there are': {
    does: (dir) =>
      changeJson(dir, 'transformer/config.json', (json) => {
        json.num_layers = 1;
      }),
    ...{
      file: 'transformer/config.json',
      code: 'model_unsupported',
      says: 'has no effect',
      hint: 'one revision',
      found: 'headers',
    },
  },
  'a configuration with other shapes': {
    does: (dir) =>
      changeJson(dir, 'text_encoder/config.json', (json) => {
        json.intermediate_size = 96;
      }),
    ...{
      file: 'text_encoder/config.json',
      code: 'model_corrupt',
      says: 'asks for [96',
      hint: 'one revision',
      found: 'headers',
    },
  },
  'a shard in the place of another': {
    does: (dir) => copyFile(join(dir, SHARD.replace('00002', '00003')), join(dir, SHARD)),
    ...{ file: SHARD, code: 'model_corrupt', says: 'the index promises', hint: 'one revision', found: 'load' },
  },
  'an index that names shards of two cuts': {
    does: async (dir) => {
      const other = basename(SHARD).replace('00004', '00005');
      await rename(join(dir, SHARD), join(dir, 'transformer', other));
      await changeJson(dir, INDEX, (json) => {
        const map = json.weight_map as Record<string, string>;
        for (const name of Object.keys(map)) if (map[name] === basename(SHARD)) map[name] = other;
      });
    },
    ...{ file: INDEX, code: 'model_corrupt', says: 'of 4 and of 5', hint: 'one revision', found: 'headers' },
  },
  'an index of another size': {
    does: (dir) =>
      changeJson(dir, INDEX, (json) => {
        json.metadata = { total_size: 5 };
      }),
    ...{ file: INDEX, code: 'model_corrupt', says: 'total_size 5', hint: 'one revision', found: 'headers' },
  },
  'parts of different models': {
    does: (dir) =>
      changeJson(dir, 'processor/preprocessor_config.json', (json) => {
        json.patch_size = 16;
      }),
    ...{ file: null, code: 'model_unsupported', says: 'do not fit together', hint: 'one revision', found: 'load' },
  },
};

describe('each damage is found, with its file and what to do', () => {
  it.each(Object.entries(DAMAGES))('%s', async (_, { does, file, code, says, hint, found }) => {
    const dir = await copyOf('tiny-b');
    await does(dir);
    const wanted = { code, file, message: expect.stringContaining(says), hint: expect.stringContaining(hint) };
    const quick = await verify(dir, 'headers');
    const load = openModelFolder(dir);
    if (found === 'load') await expectRefusal(load, code, says);
    else await load;
    if (found === 'contents') expect(quick).toEqual([]);
    else expect(quick).toContainEqual(wanted);
    expect(await verify(dir)).toContainEqual(wanted);
  });
});

it('all findings are listed at once, each file once', async () => {
  const dir = await copyOf('tiny-b');
  const expected = await listed(dir);
  const shards = (await readdir(join(dir, 'text_encoder'))).filter((name) => name.endsWith('.safetensors'));
  await rm(join(dir, 'text_encoder', shards[0]!));
  await truncate(join(dir, 'text_encoder', shards[1]!), 1000);
  await DAMAGES['a shard whose second half is zero']!.does(dir);
  await rm(join(dir, 'scheduler/scheduler_config.json'));
  await writeFile(join(dir, 'vae/config.json'), '{');
  const findings = await verify(dir, 'contents', expected);
  const files = findings.map(({ file }: ModelFinding) => file);
  expect(files.sort()).toEqual(
    [
      'scheduler/scheduler_config.json',
      `text_encoder/${shards[0]}`,
      `text_encoder/${shards[1]}`,
      SHARD,
      'vae/config.json',
    ].sort(),
  );
});

/** Leaves the size as it is. */
async function flipLastBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
}

describe('a file is compared with what its source says', () => {
  it('size, digest, and files that are missing', async () => {
    const dir = await copyOf('tiny-b');
    const expected = await listed(dir);
    expect(await verify(dir, 'contents', expected)).toEqual([]);
    await writeFile(
      join(dir, 'processor/merges.txt'),
      `${await readFile(join(dir, 'processor/merges.txt'), 'utf8')}\n`,
    );
    await flipLastBit(join(dir, SHARD));
    expected.set('LICENSE', { size: 3, sha256: null });
    const findings = await verify(dir, 'contents', expected);
    expect(findings.map(({ file, code }) => [file, code]).sort()).toEqual([
      ['LICENSE', 'model_incomplete'],
      ['processor/merges.txt', 'model_corrupt'],
      [SHARD, 'model_corrupt'],
    ]);
    expect((await verify(dir, 'headers', expected)).map(({ file }) => file)).not.toContain(SHARD);
  });

  it('by the name that it has in the cache of Hugging Face', async () => {
    const snapshot = await copyOf('tiny-b', 'snapshot');
    const blobs = join(snapshot, '../blobs');
    await mkdir(blobs);
    const blob = join(blobs, sha256(await readFile(join(snapshot, SHARD))));
    await rename(join(snapshot, SHARD), blob);
    await symlink(blob, join(snapshot, SHARD));
    expect(await verify(snapshot)).toEqual([]);
    await flipLastBit(blob);
    expect(await verify(snapshot)).toMatchObject([{ file: SHARD, message: expect.stringContaining('SHA-256') }]);
  });

  it('by what snapshot_download(local_dir=…) has recorded, unless the file was changed since', async () => {
    const dir = await copyOf('tiny-b');
    const record = join(dir, '.cache/huggingface/download', `${SHARD}.metadata`);
    await mkdir(dirname(record), { recursive: true });
    await writeFile(record, `${'a'.repeat(40)}\n${'b'.repeat(64)}\n${Date.now() / 1000 + 60}\n`);
    expect(await verify(dir)).toMatchObject([{ file: SHARD, message: expect.stringContaining('b'.repeat(64)) }]);
    const later = Date.now() / 1000 + 600;
    await utimes(join(dir, SHARD), later, later);
    expect(await verify(dir)).toEqual([]);
  });

  it('NaN in a file that is as it was published is not told to be downloaded again', async () => {
    const dir = await copyOf('tiny-b');
    await inData(SHARD, notFinite)(dir);
    const [finding, ...others] = await verify(dir, 'contents', await listed(dir));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      file: SHARD,
      code: 'model_corrupt',
      hint: expect.stringContaining('does not help'),
    });
  });
});

/** A folder whose transformer is larger than what is read in the calling thread. */
async function largeCopy(): Promise<string> {
  const dir = await copyOf('tiny-c');
  await changeSafetensors(join(dir, 'vae/diffusion_pytorch_model.safetensors'), (header, data) => {
    const bytes = 48_000_000;
    header['encoder.down_blocks.0.time_conv.weight'] = {
      dtype: 'BF16',
      shape: [24, 1_000_000],
      data_offsets: [data.length, data.length + bytes],
    };
    return Buffer.concat([data, Buffer.alloc(bytes, 0x3c)]);
  });
  return dir;
}

it('a large file is read in a thread of its own, with progress to its last byte', async () => {
  const dir = await largeCopy();
  const expected = await listed(dir);
  const seen: VerifyProgress[] = [];
  const signal = new AbortController().signal;
  const findings = await verifyModel(dir, {
    depth: 'contents',
    expected,
    signal,
    onProgress: (each) => seen.push(each),
  });
  expect(findings).toEqual([]);
  const last = seen.at(-1)!;
  expect(last).toMatchObject({ bytesDone: last.bytes, filesDone: 3, files: 3, etaSeconds: 0 });
  expect(seen.map(({ bytesDone }) => bytesDone)).toEqual(
    [...seen.map(({ bytesDone }) => bytesDone)].sort((a, b) => a - b),
  );
});

it('a check that is stopped ends with canceled', async () => {
  const dir = await largeCopy();
  const abort = new AbortController();
  const stopped = verifyModel(dir, { depth: 'contents', signal: abort.signal, onProgress: () => abort.abort() });
  await expectRefusal(stopped, 'canceled');
  await expectRefusal(verifyModel(dir, { depth: 'headers', signal: AbortSignal.abort() }), 'canceled');
});

it('an empty folder has one finding', async () => {
  expect(await verify(await temporaryFolder())).toMatchObject([{ code: 'model_not_found', file: null }]);
});
