import sharp from 'sharp';
import { expect, it, onTestFinished } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { loadPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { realDevice } from '../config.ts';
import { noteArrangements } from '../engine/edits.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { describeOnDevice, TEST_DEVICE } from '../support/webgpu.ts';

const GIB = 2 ** 30;
const SIDE = 64;

async function photo(): Promise<Uint8Array> {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 7 + Math.floor(i / (3 * SIDE)) * 3) % 256);
  return sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}

/** A whole edit on the device with so much memory of its own: its picture, and what was held for it. */
async function editWith(deviceMemoryBytes: number) {
  const loaded = await loadPreparedModel(checkpointDir(realDevice === undefined ? 'tiny-c' : 'demo'), {
    // Of the two sets of kernels, the one that is right on every adapter.
    device: deviceNamed(TEST_DEVICE, 'safe'),
    ...{ deviceMemoryBytes, threads: 1, pause: async () => undefined },
  });
  onTestFinished(() => loaded.release());
  const { model, arranged } = noteArrangements(loaded);
  const sides = { width: SIDE, height: SIDE, reference_size: 'output' } as const;
  const parameters = {
    prompt: 'make it black and white',
    num_inference_steps: 2,
    true_cfg_scale: 1,
    seed: '7',
    ...sides,
  };
  const { outputs } = await runEdit(model, { images: [await photo()], parameters });
  const pixels = await sharp(outputs[0]!.bytes).raw().toBuffer();
  return { pixels, arranged };
}

describeOnDevice('residency in the memory of a device', () => {
  it('an edit whose segments all stream gives the same picture as one with everything held', async () => {
    const held = await editWith(8 * GIB);
    const streamed = await editWith(1);
    const heldOf = ({ arranged }: typeof held) =>
      arranged.map(({ vision, language, transformer }) => [vision.held, language.held, transformer.held]);
    expect(heldOf(held)).toEqual([[Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]]);
    expect(heldOf(streamed)).toEqual([[0, 0, 0]]);
    expect(streamed.pixels.equals(held.pixels)).toBe(true);
  }, 900_000);
});
