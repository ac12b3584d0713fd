import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cardNamed, cardStateOf, isSoftwareAdapter } from './device-state.ts';

it('reads what nvidia-smi says of a card', () => {
  expect(cardStateOf('1234, 80000, NVIDIA H100 80GB HBM3\n')).toEqual({
    ...{ usedBytes: 1234 * 2 ** 20, freeBytes: 80_000 * 2 ** 20, name: 'NVIDIA H100 80GB HBM3' },
  });
  for (const text of ['', 'No devices were found', '[N/A], 1, x']) expect(cardStateOf(text)).toBeUndefined();
});

it.each([
  ['NVIDIA H100 80GB HBM3', 'H100 SXM'],
  ['NVIDIA A100-SXM4-80GB', 'A100 80 GB SXM'],
  ['NVIDIA GeForce RTX 4090', 'RTX 4090'],
  ['AMD Radeon RX 7900 XTX', 'AMD RX 7900 XTX'],
  ['NVIDIA GeForce GTX 1080', undefined],
])('a driver’s %s is the known card %s', (name, known) => {
  expect(cardNamed(name)?.name).toBe(known);
});

it('knows an adapter that computes on the processor', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-dev-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  expect(isSoftwareAdapter('/usr/lib/chromium/vk_swiftshader_icd.json', [])).toBe(true);
  expect(isSoftwareAdapter('/usr/share/vulkan/icd.d/nvidia_icd.json', [])).toBe(false);
  expect(isSoftwareAdapter(undefined, [folder])).toBe(process.platform === 'linux');
  await writeFile(join(folder, 'renderD128'), '');
  expect(isSoftwareAdapter(undefined, [folder])).toBe(false);
});
