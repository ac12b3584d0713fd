import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type RunResult, runEdit } from '../../packages/pipeline/src/edit.ts';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import type { LoraFile } from '../../packages/pipeline/src/types.ts';
import { checkpointDir, inputBytes } from '../parity/goldens.ts';
import { describeOnDevice, KERNELS, TEST_DEVICE } from '../support/webgpu.ts';

const LATENTS_DB = 70;
const fixture = (name: string): LoraFile => {
  const path = join(import.meta.dirname, `../fixtures/loras/tiny-c/${name}.safetensors`);
  return { label: name, path, scale: 1 };
};

async function open(device: Device) {
  const model = await loadModel(checkpointDir('tiny-c'), { device, threads: 2, pause: async () => undefined });
  onTestFinished(() => model.release());
  return async (loras: readonly LoraFile[]): Promise<Float32Array> => {
    const sides = { width: 64, height: 64, reference_size: 'output' } as const;
    const parameters = { prompt: 'paint it', num_inference_steps: 2, true_cfg_scale: 1, ...sides };
    const result: RunResult = await runEdit(
      model,
      { images: [inputBytes('sq_72x72')], parameters, loras },
      { returnLatents: true },
    );
    return result.latents?.data ?? new Float32Array();
  };
}

describeOnDevice('LoRAs on the device', () => {
  it('change the picture as on the processor, can be switched, and leave no trace in an edit without them', async () => {
    const [onDevice, onProcessor] = [await open(deviceNamed(TEST_DEVICE, KERNELS)), await open(deviceNamed())];
    const plain = await onDevice([]);
    const [kohya, comfyui] = [fixture('kohya'), fixture('comfyui')];
    for (const loras of [[{ ...kohya, scale: 0.7 }, comfyui], [kohya]]) {
      const changed = await onDevice(loras);
      expect(signalDecibels(changed, await onProcessor(loras))).toBeGreaterThan(LATENTS_DB);
      expect(signalDecibels(changed, plain)).toBeLessThan(LATENTS_DB / 2);
    }
    // Graphs have kept their inputs, which are zeros now.
    expect(await onDevice([])).toEqual(plain);
  });
});
