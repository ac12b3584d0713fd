import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { CardReport } from './card.ts';
import { createCardWatch } from './card-watch.ts';
import { askNvidiaSmi, type NvidiaDeps } from './nvidia-smi.ts';
import { askRocmSmi } from './rocm-smi.ts';
import { runCardTool } from './run-tool.ts';

const ONE = '0, GPU-1a, NVIDIA H200, 143771, 4, 143767, 580.65.06, 9.0, Disabled';

/** Puts a program of this name before all others. */
async function fakeTool(name: string, script: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-tool-'));
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
}

async function reportOf(script: string, deps: Partial<NvidiaDeps> = {}): Promise<CardReport> {
  await fakeTool('nvidia-smi', script);
  return askNvidiaSmi({ run: runCardTool, read: async () => undefined, ...deps });
}

const posix = it.runIf(process.platform !== 'win32');

posix('the cards that nvidia-smi lists are told, without a fault', async () => {
  expect(await reportOf(`echo '${ONE}'`)).toMatchObject({
    cards: [{ id: 0, name: 'NVIDIA H200', driver: '580.65.06' }],
    fault: undefined,
  });
});

posix('a driver that does not know a field is asked for the old ones', async () => {
  const script = `case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
echo '1, GPU-2b, Tesla K80, 11441, 0, 11441, 470.82.01'`;
  expect(await reportOf(script)).toMatchObject({ cards: [{ id: 1, computeCapability: null }], fault: undefined });
});

posix('the parts of a card that MIG divides are told beside it', async () => {
  const script = `case "$1" in
-L) echo 'GPU 0: NVIDIA H200 (UUID: GPU-1a)'; echo '  MIG 3g.71gb  Device  0: (UUID: MIG-7)';;
*) echo '${ONE.replace('Disabled', 'Enabled')}';; esac`;
  const { cards } = await reportOf(script);
  expect(cards.map(({ uuid, isDivided }) => [uuid, isDivided])).toEqual([
    ['GPU-1a', true],
    ['MIG-7', false],
  ]);
});

posix.each([
  ['No devices were found', 6, 'no_cards', '--gpus all'],
  [
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
    9,
    'driver_fault',
    'modprobe nvidia',
  ],
  ['Failed to initialize NVML: Driver/library version mismatch', 18, 'driver_fault', 'restart the machine'],
  ['Failed to initialize NVML: Insufficient Permissions', 4, 'driver_fault', '/dev/nvidia'],
  ['Failed to initialize NVML: Unknown Error', 255, 'driver_fault', 'Restart the container'],
  ['Segmentation fault', 139, 'unreadable', 'Run `nvidia-smi`'],
  ['', 1, 'unreadable', 'Run `nvidia-smi`'],
] as const)('%j is a fault with its cause and remedy', async (words, code, kind, remedy) => {
  const { cards, fault } = await reportOf(`echo "${words}"\nexit ${code}`);
  expect(cards).toEqual([]);
  expect(fault).toMatchObject({ kind, remedy: expect.stringContaining(remedy) });
  expect(fault?.message).toContain(words);
});

posix('a card that is lost does not hide the others', async () => {
  const lost = 'Unable to determine the device handle for GPU 0000:0B:00.0: GPU is lost.  Reboot the system';
  const report = await reportOf(`echo '${lost}'; echo '${ONE}'; exit 15`);
  expect(report).toMatchObject({ cards: [{ id: 0 }], fault: { kind: 'driver_fault' } });
});

posix('a tool that hangs is not waited for', async () => {
  const { cards, fault } = await reportOf('exec sleep 600', { limitMs: 50 });
  expect([cards, fault?.kind]).toEqual([[], 'late']);
});

it('without the tool, whether there is a driver decides what is told', async () => {
  const run = () => Promise.reject(Object.assign(new Error('spawn nvidia-smi ENOENT'), { code: 'ENOENT' }));
  expect(await askNvidiaSmi({ run, read: async () => undefined })).toMatchObject({ fault: { kind: 'no_driver' } });
  const read = async () => 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07';
  expect(await askNvidiaSmi({ run, read })).toMatchObject({
    fault: { kind: 'no_tool', remedy: expect.stringContaining('NVIDIA_DRIVER_CAPABILITIES') },
  });
});

it('an answer is kept for a moment, and shared by those who ask at once', async () => {
  let asked = 0;
  let now = 0;
  const ask = async (): Promise<CardReport> => {
    asked++;
    return { cards: [], fault: undefined };
  };
  const watch = createCardWatch({ ask, freshMs: 10, now: () => now });
  await Promise.all([watch.read(), watch.read()]);
  await watch.read();
  expect(asked).toBe(1);
  now = 10;
  await watch.read();
  expect(asked).toBe(2);
});

posix('the memory of cards of AMD is read from rocm-smi', async () => {
  const json =
    '{"card0": {"VRAM Total Memory (B)": "1000", "VRAM Total Used Memory (B)": "400"}, "system": {"x": "y"}}';
  await fakeTool('rocm-smi', `echo 'WARNING: AMD GPU device(s) is/are in a low-power state.'; echo '${json}'`);
  expect(await askRocmSmi(runCardTool)).toEqual([{ id: 0, totalBytes: 1000, freeBytes: 600 }]);
});

it.each(['', 'no json', '{"card0": {"VRAM Total Memory (B)": "N/A"}}', '[1]'])(
  '%j of rocm-smi is no card',
  async (text) => {
    expect(await askRocmSmi(async () => text)).toEqual([]);
  },
);
