import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, open, readlink, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';
import { int8Linear } from '../../packages/pipeline/src/onnx/linear-int8.ts';
import type { PreparedLayer } from '../../packages/pipeline/src/onnx/prepared-layer.ts';
import { createWeights } from '../../packages/pipeline/src/weights/weights.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { expectRefusal } from '../bad-input/refusals.ts';
import { inCi } from '../config.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { digestsOf, preparedFolder, prepareModel, removeCopies } from './prepared-folders.ts';

const MIB = 2 ** 20;
const PROGRAM = join(import.meta.dirname, 'prepare-program.ts');
/** Each starts a process and its threads: about a second. */
const KILLS = inCi ? 20 : 6;

/** A file system of 66 MiB, if this process may mount one: two more than preparing leaves free. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=66m', 'tmpfs', folder]).status === 0 ? [folder] : [];
}
const DISKS = smallDisk();
afterAll(async () => {
  await removeCopies();
  for (const folder of DISKS) {
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true });
  }
});

const unfinished = async (folder: string): Promise<string[]> =>
  Object.keys(await digestsOf(folder)).filter((name) => /\.tmp|\/lock$/.test(name));

describe.each(DISKS)('a disk (%s)', (disk) => {
  it('that is too small is asked first: nothing is written, and the error has both figures', async () => {
    await writeFile(join(disk, 'others'), new Uint8Array(MIB));
    const cache = join(disk, 'asked');
    const dir = checkpointDir('demo');
    const error = await expectRefusal(prepareModel(cache, { dir }), 'disk_full', 'while they are made', 'MB free');
    expect(error.hint).toContain('QWEN_EDIT_OFFLOAD_FOLDER');
    expect(await digestsOf(cache)).toEqual({});
    await rm(join(disk, 'others'));
  });

  it('that becomes full in the middle is told, leaves no half, and the next load goes on', async () => {
    const cache = join(disk, 'full');
    const others = join(disk, 'others');
    const onProgress = (made: number): void => {
      // As large as the disk takes it, when there was room a moment before.
      if (made === 0) spawnSync('dd', ['if=/dev/zero', `of=${others}`, 'bs=16k'], { stdio: 'ignore' });
    };
    const error = await expectRefusal(prepareModel(cache, { threads: 1, onProgress }), 'disk_full', 'ENOSPC');
    expect(error.hint).toContain('kept');
    expect(await unfinished(cache)).toEqual([]);
    await rm(others);
    await prepareModel(cache);
    expect(await digestsOf(cache)).toEqual(await digestsOf((await preparedFolder()).cache));
    await rm(cache, { recursive: true });
  });

  it('that is mounted read-only serves what is whole, and refuses what is not', async () => {
    const { folder } = await prepareModel(disk);
    spawnSync('mount', ['-o', 'remount,ro', disk]);
    try {
      expect(await prepareModel(disk)).toMatchObject({ folder, made: 0 });
      await expectRefusal(prepareModel(disk, { processor: 'another' }), 'output_unwritable', disk, 'EROFS');
    } finally {
      spawnSync('mount', ['-o', 'remount,rw', disk]);
    }
    await rm(join(disk, 'weights'), { recursive: true });
  });
});

it('a folder that cannot be made is output_unwritable, and is named', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  await expectRefusal(prepareModel(join(folder, 'file/cache')), 'output_unwritable', join(folder, 'file/cache'));
  if (process.getuid?.() === 0) return;
  const closed = join(folder, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o500);
  await expectRefusal(prepareModel(closed), 'output_unwritable', closed, 'EACCES');
});

const dir = checkpointDir('tiny-a');
const start = (cache: string) =>
  spawn(process.execPath, [PROGRAM, dir, cache], { stdio: ['ignore', 'pipe', 'inherit'] });

it('killed at random moments it ends whole, and never takes a half for a whole', async () => {
  const cache = await temporaryFolder();
  const whole = await digestsOf((await preparedFolder()).cache);
  let killed = 0;
  for (let round = 0; killed < KILLS; round++) {
    const child = start(cache);
    const ended = once(child, 'close');
    // From the moment at which threads are started, or a segment is whole, as far as it comes.
    let beats = 1 + (round % 2);
    child.stdout.on('data', () => {
      if (--beats === 0) void delay((round * 61) % 500).then(() => child.kill('SIGKILL'));
    });
    const [code] = await ended;
    if (code !== 0) killed++;
    const there = await digestsOf(cache);
    // A manifest is there only with what belongs to it.
    for (const name of Object.keys(there).filter((each) => each.endsWith('.manifest.json'))) {
      const arrays = name.replace('.manifest.json', '.bin');
      expect([there[name], there[arrays]]).toEqual([whole[name], whole[arrays]]);
    }
    if (code === 0) await rm(cache, { recursive: true });
  }
  await once(start(cache), 'close');
  expect(await digestsOf(cache)).toEqual(whole);
});

it('of two processes at once one prepares, and the other waits and makes nothing', async () => {
  const cache = await temporaryFolder();
  const said = await Promise.all(
    [start(cache), start(cache)].map(async (child) => {
      const [out, [code]] = await Promise.all([child.stdout.setEncoding('utf8').toArray(), once(child, 'close')]);
      expect(code).toBe(0);
      return out.join('');
    }),
  );
  expect(said.filter((text) => text.includes('made 1 of 2'))).toHaveLength(1);
  expect(await digestsOf(cache)).toEqual(await digestsOf((await preparedFolder()).cache));
});

it('a process whose lock was taken over meanwhile begins again when that is free', async () => {
  const { cache, folder } = await preparedFolder();
  const whole = await digestsOf(folder);
  await rm(join(folder, 'transformer.blocks.0-2.bin'));
  const { pid = 0 } = spawn('true');
  const processes = await readlink('/proc/self/ns/pid').catch(() => 'machine');
  let isOver = false;
  const onProgress = (): void => {
    if (isOver) return;
    isOver = true;
    // Of one that has ended since, without any trace.
    writeFileSync(join(folder, 'lock'), JSON.stringify({ token: 'other', pid, host: hostname(), processes }));
    for (const name of readdirSync(folder)) if (name.includes('.tmp')) rmSync(join(folder, name));
  };
  let looks = 0;
  const pause = async (): Promise<void> => {
    // What goes wrong now is not its own fault.
    if (isOver && ++looks === 1) throw new Error('its files are gone');
  };
  await prepareModel(cache, { onProgress, pause });
  expect(await digestsOf(folder)).toEqual(whole);
});

describe('weights that are laid out for the processor', () => {
  const [n, k] = [192, 48];
  const weights = createWeights('none', new Map(), new Map());
  const x = Float32Array.from({ length: k }, (_, i) => Math.sin(i));

  async function run(layer: PreparedLayer): Promise<Float32Array> {
    const g = createGraph('one', { weights, root: '/', linear: int8Linear(() => layer) });
    const input = g.input('x', ['S', k]);
    g.output('y', g.linear(input, { name: 'layer', n, k, bias: false, stored: [n, k] }), ['S', n]);
    const session = await createGraphSession(g, {
      device: deviceNamed('cpu'),
      threads: 1,
      root: '/',
      prepack: layer.arrays.data?.prepacked !== undefined,
    });
    const { y } = await session.run({ x: { data: x, dims: [1, k] } });
    await session.release();
    return Float32Array.from(y?.data ?? []);
  }

  /** A layer of the smallest model that is laid out. */
  async function laidOut() {
    const { cache } = await preparedFolder();
    const { find } = await prepareModel(cache);
    const layer = find('transformer_blocks.1.img_mlp.net.0.proj');
    const data = layer?.arrays.data;
    return { layer, data };
  }

  it('are used only if they are what this processor makes of the weight', async () => {
    const { layer, data } = await laidOut();
    expect(data?.prepacked).toBeDefined();
    if (layer === undefined || data?.prepacked === undefined) return;
    const { prepacked } = data;
    const of = (changed: typeof prepacked): PreparedLayer => ({
      settings: {},
      arrays: { ...layer.arrays, data: { ...data, prepacked: changed } },
    });
    const right = await run(of(prepacked));
    const { prepacked: _, ...plain } = data;
    expect(await run({ settings: {}, arrays: { ...layer.arrays, data: plain } })).toEqual(right);
    // Under another name than ONNX Runtime gives them, what is stored is not used, be it right or wrong.
    const misnamed = { ...prepacked, key: prepacked.key.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10)) };
    expect(await run(of(misnamed))).toEqual(right);
    expect(await run(of({ ...misnamed, offset: 0 }))).toEqual(right);
    // Under their own name they are used as they are: this is why files have digests.
    const file = await open(data.path, 'r+');
    await file.write(new Uint8Array(prepacked.byteLength >> 1), 0, prepacked.byteLength >> 1, prepacked.offset);
    await file.close();
    expect(await run(of(prepacked))).not.toEqual(right);
  });
});
