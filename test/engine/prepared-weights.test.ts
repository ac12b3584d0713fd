import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { takeLock } from '@qwen-edit/files';
import { afterAll, describe, expect, it } from 'vitest';
import { listPrepared } from '../../packages/pipeline/src/list-prepared.ts';
import { NO_LAYOUT } from '../../packages/pipeline/src/prepared/processor-class.ts';
import { changeJson, changeSafetensors, copyOf, temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { digestsOf, preparedFolder, prepareModel, removeCopies } from './prepared-folders.ts';

const TRANSFORMER = 'transformer.blocks.0-2';
const TEXT = 'text-encoder.layers.0-2';
const SHARD = 'transformer/diffusion_pytorch_model.safetensors';
const LAYER = 'transformer_blocks.1.attn.to_q.weight';
afterAll(removeCopies);
const canceled = new AppError('canceled', 'It was cancelled.');

async function overwrite(path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

describe('what is prepared once', () => {
  it('is found again, and a folder that is whole is not written to', async () => {
    const cache = await temporaryFolder();
    const first = await prepareModel(cache);
    expect(first).toMatchObject({ made: 2, total: 2 });
    expect((await readdir(first.folder)).sort()).toEqual(
      [...[TEXT, TRANSFORMER].flatMap((name) => [`${name}.bin`, `${name}.manifest.json`]), 'prepared.json'].sort(),
    );
    const times = async () => Promise.all((await readdir(first.folder)).map((name) => stat(join(first.folder, name))));
    const before = await times();
    expect(await prepareModel(cache)).toMatchObject({ made: 0, total: 0, bytes: first.bytes, folder: first.folder });
    expect((await times()).map(({ mtimeMs, ino }) => [mtimeMs, ino])).toEqual(
      before.map(({ mtimeMs, ino }) => [mtimeMs, ino]),
    );
  });

  it('is the same bit by bit if it was cancelled on the way, which leaves whole segments only', async () => {
    const { folder } = await preparedFolder();
    const whole = await digestsOf(folder);
    const cache = await temporaryFolder();
    let begun = false;
    let looks = 0;
    const stopped = prepareModel(cache, {
      threads: 1,
      onProgress: () => {
        begun = true;
      },
      async pause() {
        // The first look is before the threads have started.
        if (begun && ++looks > 1) throw canceled;
      },
    });
    await expect(stopped).rejects.toBe(canceled);
    expect(Object.keys(await digestsOf(cache)).filter((name) => /\.tmp|\/lock$/.test(name))).toEqual([]);
    const resumed = await prepareModel(cache, { threads: 1 });
    expect(resumed.total).toBe(2);
    expect(await digestsOf(resumed.folder)).toEqual(whole);
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['cut off', async (path) => truncate(path, (await stat(path)).size - 1)],
    ['empty', (path) => truncate(path, 0)],
    [
      'zeroed in its second half',
      async (path) => {
        const half = (await stat(path)).size >> 1;
        await overwrite(path, half, new Uint8Array(half));
      },
    ],
    ['gone', (path) => rm(path)],
    ['that of another segment', (path) => copyFile(join(dirname(path), `${TEXT}.bin`), path)],
    [
      'of another segment with its manifest',
      async (path) => {
        for (const end of ['bin', 'manifest.json'])
          await copyFile(join(dirname(path), `${TEXT}.${end}`), path.replace(/bin$/, end));
      },
    ],
  ])('a file that is %s is made again, and only that', async (_, damage) => {
    const { cache, folder } = await preparedFolder();
    const whole = await digestsOf(folder);
    await damage(join(folder, `${TRANSFORMER}.bin`));
    expect(await digestsOf(folder)).not.toEqual(whole);
    expect(await prepareModel(cache)).toMatchObject({ made: 1, total: 2 });
    expect(await digestsOf(folder)).toEqual(whole);
  });

  it.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, -1)],
    [
      'changed by one digit of an offset',
      (text) => text.replace(/("offset":\d*)(\d)/, (_, start, digit) => start + ((digit + 1) % 10)),
    ],
    ['empty', () => ''],
  ])('a manifest that is %s is not believed', async (_, damage) => {
    const { cache, folder } = await preparedFolder();
    const whole = await digestsOf(folder);
    const path = join(folder, `${TRANSFORMER}.manifest.json`);
    await writeFile(path, damage(await readFile(path, 'utf8')));
    expect(await digestsOf(folder)).not.toEqual(whole);
    expect((await prepareModel(cache)).made).toBe(1);
    expect(await digestsOf(folder)).toEqual(whole);
  });

  it('is laid out for the processor if it runs in each step, and of a precision that needs it everywhere', async () => {
    const isLaidOut = async (precision: string): Promise<boolean[]> => {
      const { find } = await prepareModel(await temporaryFolder(), { precision, dir: checkpointDir('demo') });
      const layers = ['transformer_blocks.0.attn.to_q', 'model.layers.0.self_attn.q_proj'].map(find);
      return layers.map((layer) => layer?.arrays.data?.prepacked !== undefined);
    };
    expect(await isLaidOut('w8a8')).toEqual([true, false]);
    expect(await isLaidOut('w4')).toEqual([true, true]);
  });

  it('for a device that takes weights as they are stored is not laid out, and takes half the disk', async () => {
    const cache = await temporaryFolder();
    const options = { precision: 'w4', dir: checkpointDir('demo') };
    const laidOut = await prepareModel(cache, options);
    const plain = await prepareModel(cache, { ...options, processor: NO_LAYOUT });
    expect(plain.folder).not.toBe(laidOut.folder);
    expect(plain.bytes).toBeLessThan(0.6 * laidOut.bytes);
    expect(plain.find(LAYER.replace('.weight', ''))?.arrays).toMatchObject({ data: {}, scales: {}, zeroPoints: {} });
    const manifests = (await readdir(plain.folder)).filter((name) => name.endsWith('manifest.json'));
    for (const name of manifests) expect(await readFile(join(plain.folder, name), 'utf8')).not.toContain('prepacked');
    expect((await listPrepared(cache)).map(({ processor, used }) => [processor === NO_LAYOUT, used]).sort()).toEqual([
      [false, true],
      [true, true],
    ]);
  });

  it('for another class of processors lies in a folder of its own', async () => {
    const { cache, folder } = await preparedFolder();
    const whole = await digestsOf(folder);
    const other = await prepareModel(cache, { processor: 'x64-avx2' });
    expect(other.made).toBe(2);
    expect(other.folder).not.toBe(folder);
    expect(await digestsOf(folder)).toEqual(whole);
  });
});

describe('a checkpoint that is not right', () => {
  it('with NaN is model_corrupt, names the weight, and leaves nothing behind', async () => {
    const dir = await copyOf('tiny-a');
    await changeSafetensors(join(dir, SHARD), (header, data) => {
      const [begin] = header[LAYER]?.data_offsets ?? [0];
      data.fill(0xff, begin, begin + 4);
      return data;
    });
    const cache = await temporaryFolder();
    await expectRefusal(prepareModel(cache, { dir }), 'model_corrupt', 'transformer', LAYER);
    expect(await digestsOf(cache)).toEqual({});
    expect(await readdir(join(cache, 'weights'))).toEqual([]);
  });

  it('of other shapes or types than its configuration says is refused before anything is written', async () => {
    const shaped = await copyOf('tiny-a');
    await changeJson(shaped, 'transformer/config.json', (json) => {
      json.num_attention_heads = 1;
    });
    const typed = await copyOf('tiny-a');
    await changeSafetensors(join(typed, SHARD), (header) => {
      const entry = header[LAYER];
      if (entry !== undefined) entry.dtype = 'I32';
      return undefined;
    });
    const cache = await temporaryFolder();
    await expectRefusal(prepareModel(cache, { dir: shaped }), 'model_corrupt', 'transformer');
    await expectRefusal(prepareModel(cache, { dir: typed }), 'model_unsupported', LAYER, 'I32');
    expect(await readdir(cache)).toEqual([]);
  });
});

describe('a cancel', () => {
  it('while another process prepares them ends the wait, and leaves its lock alone', async () => {
    const { cache, folder } = await preparedFolder();
    await rm(join(folder, `${TEXT}.bin`));
    const signal = new AbortController().signal;
    const timing = { beatMs: 100, deadMs: 5000 };
    const lock = await takeLock(join(folder, 'lock'), { timing, signal, onWait: () => undefined });
    let looks = 0;
    const pause = async (): Promise<void> => {
      if (++looks > 3) throw canceled;
    };
    await expect(prepareModel(cache, { pause })).rejects.toBe(canceled);
    expect(await readdir(folder)).toContain('lock');
    await lock.release();
    expect((await digestsOf(folder))[`${TEXT}.bin`]).toBeUndefined();
  });
});

it('of two at once one prepares, and the other waits and finds all', async () => {
  const cache = await temporaryFolder();
  const [one, two] = await Promise.all([prepareModel(cache), prepareModel(cache)]);
  expect([one.made, two.made].sort()).toEqual([0, 2]);
  expect(two.folder).toBe(one.folder);
  expect(await digestsOf(one.folder)).toEqual(await digestsOf((await preparedFolder()).folder));
});

it('settings that only change how a graph is built need no new files', async () => {
  const { cache, folder } = await preparedFolder();
  const { digest } = JSON.parse(await readFile(join(folder, 'prepared.json'), 'utf8'));
  const layer = LAYER.replace(/\.weight$/, '');
  await mkdir(join(cache, 'calibration'));
  const path = join(cache, 'calibration', `${digest.slice(7, 23)}-w8a8.json`);
  await writeFile(`${path}.new`, JSON.stringify({ layers: { [layer]: { outliers: 32 } } }));
  await rename(`${path}.new`, path);
  const { made, find, calibration, ...again } = await prepareModel(cache);
  expect([made, again.folder]).toEqual([0, folder]);
  // Snapshots and kept encodings of another calibration are not used.
  expect(calibration).toMatch(/^[0-9a-f]{16}$/);
  expect(find(layer)?.settings).toEqual({ outliers: 32 });
  expect(find('transformer_blocks.0.attn.to_q')?.settings).toEqual({ outliers: 8 });
});
