import { expect, it } from 'vitest';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { runBlock } from '../../packages/pipeline/src/self-test/run-block.ts';
import { runGoldenEdit } from '../../packages/pipeline/src/self-test/run-golden-edit.ts';
import { realDevice } from '../config.ts';
import { request } from '../engine/edits.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

const demo = checkpointDir('demo');
const MINUTES = 60_000;

/** Golden edit and block with these kernels. */
async function testWith(device: Device) {
  const model = await loadModel(demo, { device, precision: 'fp32', threads: 1, pause: async () => undefined });
  try {
    const parts = [await runGoldenEdit(model, demo), await runBlock(model)];
    const figures = parts.flatMap((part) => part.figures);
    return {
      wrong: figures.filter(({ ok }) => !ok).map(({ name }) => name),
      reasons: parts.map(({ reason }) => reason),
    };
  } finally {
    await model.release();
  }
}

// What stands for a card passes it at the end of the ladder below.
if (realDevice !== undefined)
  describeOnDevice('the proof before service', () => {
    it.each(['fast', 'safe'] as const)('passes in fp32 with %s kernels', { timeout: 15 * MINUTES }, async (kernels) => {
      expect((await testWith(deviceNamed(TEST_DEVICE, kernels))).wrong).toEqual([]);
    });
  });

// What is wrong on SwiftShader may be right on a real card.
if (realDevice === undefined)
  describeOnDevice('wrong kernels of a driver that are switched on fail the proof', () => {
    const fast = deviceNamed(TEST_DEVICE, 'fast');
    /** Safe kernels but for these. */
    const safeWith = (kernels: Partial<Device>): Device => {
      const device = { ...deviceNamed(TEST_DEVICE, 'safe'), ...kernels };
      return { ...device, spread: [device] };
    };

    it('fused attention, which is wrong above 16 tokens', { timeout: 15 * MINUTES }, async () => {
      const { wrong, reasons } = await testWith(safeWith({ attention: fast.attention }));
      expect(wrong).toContain('image_embeds');
      expect(wrong).toContain('block_target');
      expect(wrong).not.toContain('image_latents');
      expect(reasons[0]).toMatch(/^On webgpu in fp32 the vision tower of the text encoder \(image_embeds\) comes to /);
      expect(reasons[1]).toMatch(/^On webgpu in fp32 a block of .* \(block_target\) comes to /);
    });

    it('convolutions with channels last, some of which are wrong', { timeout: 15 * MINUTES }, async () => {
      const { wrong, reasons } = await testWith(safeWith({ sessionOptions: fast.sessionOptions }));
      // One of the VAE's networks, or both; all others multiply matrices only.
      expect(wrong.length).toBeGreaterThan(0);
      expect(wrong.filter((name) => name !== 'image_latents' && name !== 'picture')).toEqual([]);
      expect(reasons[0]).toMatch(/^On webgpu in fp32 the VAE (encoder|decoder) \((image_latents|picture)\) comes to /);
    });

    it('and an engine goes on with safe ones, and says which operators were wrong', {
      timeout: 40 * MINUTES,
    }, async () => {
      const told: string[] = [];
      const pipeline = await createPipeline({
        ...{ modelDir: demo, selfTestDir: demo, device: 'webgpu', threads: 1 },
        onTrouble: ({ code, message }) => void told.push(`${code} ${message}`),
      });
      try {
        expect(pipeline.lastSelfTest).toMatchObject({ ok: true, kernels: 'safe', precision: 'fp32', device: 'webgpu' });
        const [refused] = pipeline.lastSelfTest?.refused ?? [];
        expect(refused).toMatchObject({ kernels: 'fast', precision: 'fp32' });
        expect(refused?.reason).toMatch(
          /image_embeds.* \d+\.\d dB .*MultiHeadAttention, .* tokens: \d+\.\d dB, 80 needed/,
        );
        expect(refused?.reason).toMatch(/Conv, 3 × 3.* channels: \d+\.\d dB, 80 needed/);
        expect(told).toEqual([expect.stringMatching(/^device_drift webgpu goes on with safe kernels in fp32/)]);
        expect(pipeline.model).toMatchObject({ device: 'webgpu', kernels: 'safe' });
        const { receipt } = await pipeline.edit(request(2));
        expect(receipt).toMatchObject({ kernels: 'safe' });
      } finally {
        await pipeline.close();
      }
    });
  });
