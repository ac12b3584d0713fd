import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { signalDecibels } from '../../packages/pipeline/src/self-test/decibels.ts';
import { realDevice } from '../config.ts';
import { CHECKPOINTS, type Checkpoint, checkpointDir, inputBytes, psnr, SISTERS } from '../parity/goldens.ts';
import { describeOnDevice, KERNELS, TEST_DEVICE } from '../support/webgpu.ts';

const MINUTES = 10 * 60_000;
/** Of each network, and of the picture: a wrong kernel leaves 49 dB or less. */
const NETWORK_DB = 70;
const PICTURE_DB = 60;

/** Small, its reference too; with guidance, so that all networks run, and more than 16 tokens in each. */
const PARAMETERS = {
  ...{ prompt: 'Paint the wall blue and add a lamp.', negative_prompt: 'blurred' },
  ...{
    true_cfg_scale: 3,
    num_inference_steps: 2,
    seed: '3',
    width: 96,
    height: 64,
    reference_size: 'output' as const,
    output_format: 'png' as const,
  },
};

describeOnDevice('a whole edit on the device', () => {
  // On what stands for a card: one with all that the others' networks have. The self-test compares the demo model's there.
  it.each(realDevice === undefined ? (['tiny-b'] as const) : [...CHECKPOINTS, ...SISTERS])(
    'of %s is that of the processor, network by network',
    async (checkpoint) => {
      const [onProcessor, onDevice] = [
        await edit(checkpoint, deviceNamed()),
        await edit(checkpoint, deviceNamed(TEST_DEVICE, KERNELS)),
      ];
      for (const [name, values] of onProcessor.values)
        expect(signalDecibels(onDevice.values.get(name) ?? [], values), name).toBeGreaterThan(NETWORK_DB);
      expect(onDevice.values.size).toBeGreaterThan(5);
      expect(await psnr(onDevice.picture, onProcessor.picture)).toBeGreaterThan(PICTURE_DB);
    },
    MINUTES,
  );
});

async function edit(checkpoint: Checkpoint, device: Device) {
  const model = await load(checkpoint, device);
  try {
    const values = new Map<string, Float32Array>();
    const { outputs, latents } = await runEdit(
      model,
      { images: [inputBytes('land_96x64.png')], parameters: PARAMETERS },
      {
        observe: (name, { data }) => values.set(name, values.get(name) ?? data.slice()),
        returnLatents: true,
      },
    );
    values.set('latents', latents?.data ?? new Float32Array());
    return { values, picture: outputs[0]?.bytes ?? new Uint8Array() };
  } finally {
    await model.release();
  }
}

function load(checkpoint: Checkpoint, device: Device): Promise<LoadedModel> {
  return loadModel(checkpointDir(checkpoint), {
    device,
    threads: availableParallelism(),
    pause: async () => undefined,
  });
}
