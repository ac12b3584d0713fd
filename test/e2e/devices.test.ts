import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Health } from '@qwen-edit/contract';
import { afterAll, expect, it } from 'vitest';
import { demoModelDir } from '../../packages/demo-model/index.ts';
import { findCudaProvider } from '../../packages/pipeline/src/cards/cuda-provider.ts';
import { environment } from '../config.ts';
import { newPicture } from './calls.ts';
import { endDatabase } from './embedded.ts';
import { processesWith } from './process-table.ts';
import { runCommand } from './processes.ts';
import { isEngine, prepare } from './system.ts';
import { pollUntil } from './waiting.ts';

const { folder, env } = await prepare();
afterAll(async () => {
  endDatabase(join(folder, 'data'));
  await rm(folder, { recursive: true, force: true });
});

const MIB_FREE = { free: 23_000, busy: 1536 };
const card = (id: number, free: number): string =>
  `${id}, GPU-${id}, NVIDIA RTX 3090, 24576, ${24_576 - free}, ${free}, 580.65.06, 8.6, [N/A]\n`;
const cards = (free: Readonly<Record<number, number>>): Promise<void> =>
  writeFile(
    join(folder, 'cards.csv'),
    Array.from({ length: 8 }, (_, id) => card(id, free[id] ?? MIB_FREE.free)).join(''),
  );

/** A nvidia-smi that says what the file beside it says. */
async function withFakeTool(): Promise<Record<string, string>> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, 'nvidia-smi'), `#!/bin/sh\ncat '${folder}/cards.csv'\n`);
  await chmod(join(bin, 'nvidia-smi'), 0o755);
  return { ...env, PATH: `${bin}:${environment.PATH ?? ''}` };
}

const posix = it.runIf(process.platform !== 'win32');

posix(
  'each device has a worker with the physical id of its card; a busy card is waited for; one engine is replaced alone',
  async () => {
    await cards({ 5: MIB_FREE.busy });
    const settings = {
      ...(await withFakeTool()),
      QWEN_EDIT_DEVICES: 'cuda:0,cuda:1,cpu',
      CUDA_VISIBLE_DEVICES: '4,5',
    };
    const service = runCommand(['serve'], settings, folder);
    const [, url = ''] = await service.until(/is ready at (\S+)/);
    const health = async () => ((await (await fetch(`${url}/health`)).json()) as Health).workers;
    const pids = async () =>
      (await processesWith(folder))
        .filter((row) => isEngine(row) && row.parent === service.child.pid)
        .map(({ pid }) => pid);

    await pollUntil('two workers that are ready, and one that says why it is not', async () => {
      const workers = await health();
      expect(workers.map(({ gpu_id, ready }) => [gpu_id, ready])).toEqual([
        [4, true],
        [5, false],
        [null, true],
      ]);
      expect(workers[1]?.last_error).toContain('got: cuda:1 (card 5) free=1.50 GiB/24.00 GiB. Stop what uses the card');
      return true;
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('qwen_edit_gpu_memory_bytes{device="cuda:1",gpu_id="5",state="free"} 1610612736');
    expect(metrics).toMatch(/qwen_edit_worker_ready\{worker="\w+",device="cuda:1",gpu_id="5"\} 0/);
    expect(metrics).toMatch(/qwen_edit_build_info\{version="[\d.]+",role="serve"\} 1/);
    expect(metrics).toMatch(/qwen_edit_pool_connections\{state="used"\} \d/);
    expect(metrics).toMatch(/qwen_edit_pool_wait_seconds_count [1-9]/);
    expect(metrics).toMatch(/qwen_edit_disk_bytes\{folder="storage",state="free"\} [1-9]/);
    const before = await pids();
    expect(before).toHaveLength(2);

    await cards({});
    await pollUntil('a card that is free again', async () => (await health()).every(({ ready }) => ready));
    const all = await pids();
    expect(all).toHaveLength(3);
    expect(all).toEqual(expect.arrayContaining(before));

    const [killed = 0, ...others] = all;
    process.kill(killed, 'SIGKILL');
    const { status } = await fetch(`${url}/edit`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ prompt: 'blur it', images: { image_base64: [(await newPicture()).toString('base64')] } }),
    });
    expect(status).toBe(200);
    await pollUntil('a new engine beside the others', async () => {
      const now = await pids();
      return now.length === 3 && !now.includes(killed) && others.every((pid) => now.includes(pid));
    });
    expect(await service.stop()).toBe(0);
  },
);

const withoutCuda = it.runIf(process.platform !== 'win32' && (await findCudaProvider()) === undefined);

withoutCuda(
  'edit --device cuda without the library is refused with the command that installs it; a busy list falls back',
  async () => {
    await cards({});
    const picture = join(folder, 'in.png');
    await writeFile(picture, await newPicture());
    const out = join(folder, 'out.png');
    const settings = { ...(await withFakeTool()), QWEN_EDIT_ENGINE_PROGRAM: '' };
    const edit = ['edit', '--model', demoModelDir, '--image', picture, '--prompt', 'blur it', '--out', out];
    const refused = runCommand([...edit, '--device', 'cuda'], settings, folder);
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain('device_unavailable');
    expect(refused.output()).toContain(
      'ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild --ignore-scripts=false onnxruntime-node',
    );

    const wrong = runCommand([...edit, '--device', 'tpu'], settings, folder);
    expect(await wrong.ended).toBe(2);
    expect(wrong.output()).toContain('There is no device "tpu"; there is cpu, webgpu, and cuda');

    const small = ['--steps', '2', '--width', '64', '--height', '64', '--reference-size', 'output'];
    const fallen = runCommand([...edit, ...small], { ...settings, QWEN_EDIT_DEVICES: 'cuda:0,cpu' }, folder);
    expect(await fallen.ended).toBe(0);
    expect(fallen.output()).toContain("note: cpu computes: ONNX Runtime's library for CUDA is not installed.");
  },
);
