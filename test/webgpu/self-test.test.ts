import { expect, it, onTestFinished } from 'vitest';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { loadModel, openModel } from '../../packages/pipeline/src/engine/model.ts';
import { loadVae } from '../../packages/pipeline/src/engine/vae.ts';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { selfTestBounds } from '../../packages/pipeline/src/self-test/bounds.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import { runBlock } from '../../packages/pipeline/src/self-test/run-block.ts';
import { runGoldenEdit } from '../../packages/pipeline/src/self-test/run-golden-edit.ts';
import { realDevice } from '../config.ts';
import { request } from '../engine/edits.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

const demo = checkpointDir('demo');
const MINUTES = 60_000;

// What stands for a card passes it at the end of the ladder below.
if (realDevice !== undefined)
  describeOnDevice('the proof before service', () => {
    it.each(['fast', 'safe'] as const)('passes in fp32 with %s kernels', { timeout: 15 * MINUTES }, async (kernels) => {
      const device = deviceNamed(TEST_DEVICE, kernels);
      const model = await loadModel(demo, { device, precision: 'fp32', threads: 1, pause: async () => undefined });
      onTestFinished(() => model.release());
      const parts = [await runGoldenEdit(model, demo), await runBlock(model)];
      expect(parts.flatMap(({ figures }) => figures).filter(({ ok }) => !ok)).toEqual([]);
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

    const opened = (device: Device) =>
      openModel(demo, { device, precision: 'fp32', threads: 1, pause: async () => undefined });

    it('fused attention, which is wrong above 16 tokens', { timeout: 15 * MINUTES }, async () => {
      const { figures, reason } = await runBlock(await opened(safeWith({ attention: fast.attention })));
      expect(figures.filter(({ ok }) => !ok).map(({ name }) => name)).toContain('block_target');
      expect(reason).toMatch(/^On webgpu in fp32 a block of .* \(block_target\) comes to /);
    });

    it('convolutions with channels last, some of which are wrong', { timeout: 15 * MINUTES }, async () => {
      const side = 64;
      const decoded = async (device: Device): Promise<Float32Array> => {
        const { folder, context } = await opened(device);
        const vae = await loadVae(context, folder.vae.config, folder.vae.weights);
        const [channels, height, width] = [vae.channels, side / vae.factor, side / vae.factor];
        const { data } = await vae.decode({ channels, height, width, data: randn(channels * height * width, 1n) });
        for (const chain of Object.values(vae.chains)) await chain.release();
        return data;
      };
      // Its encoder is right. A golden edit compares what the decoder gives, as its picture.
      const wrong = await decoded(safeWith({ sessionOptions: fast.sessionOptions }));
      const decibels = signalDecibels(wrong, await decoded(deviceNamed()));
      expect(decibels).toBeLessThan(selfTestBounds('fp32', 'fp32').picture);
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
        const { receipt } = await pipeline.edit(request(2, { reference_size: 'output' }));
        expect(receipt).toMatchObject({ kernels: 'safe' });
      } finally {
        await pipeline.close();
      }
    });
  });
