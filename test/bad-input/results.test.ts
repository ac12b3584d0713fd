import { join } from 'node:path';
import { describe, it } from 'vitest';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { inputBytes } from '../parity/goldens.ts';
import { changeSafetensors, copyOf } from './model-copies.ts';
import { expectRefusal } from './refusals.ts';

/** fp16 numbers, as tiny-c stores them. */
const NAN = 0x7e00;
const INFINITY = 0x7c00;

describe('numbers that are no picture are an error, never a picture', () => {
  it.each([
    ['text_encoder/model.safetensors', 'model.norm.weight', NAN, 'step 1 of 2'],
    ['text_encoder/model.safetensors', 'visual.merger.mlp.2.bias', NAN, 'step 1 of 2'],
    ['transformer/diffusion_pytorch_model.safetensors', 'proj_out.bias', NAN, 'step 1 of 2'],
    ['transformer/diffusion_pytorch_model.safetensors', 'proj_out.bias', INFINITY, 'step 1 of 2'],
    ['vae/diffusion_pytorch_model.safetensors', 'encoder.conv_in.bias', NAN, 'encoding a picture'],
    ['vae/diffusion_pytorch_model.safetensors', 'decoder.conv_out.bias', NAN, 'decoding the picture'],
    ['vae/diffusion_pytorch_model.safetensors', 'decoder.conv_out.bias', INFINITY, 'decoding the picture'],
  ])('%s: %s %d', async (file, tensor, bits, where) => {
    const dir = await copyOf('tiny-c');
    await changeSafetensors(join(dir, file), (header, data) => {
      data.writeUInt16LE(bits, header[tensor]!.data_offsets[0]);
      return undefined;
    });
    const pipeline = await createPipeline({ modelDir: dir, threads: 1 });
    try {
      const parameters = { prompt: 'x', num_inference_steps: 2, width: 64, height: 64 };
      const edit = pipeline.edit({ images: [inputBytes('sq_72x72')], parameters });
      await expectRefusal(edit, 'result_invalid', 'NaN or infinity', where);
      await pipeline.stats();
    } finally {
      await pipeline.close();
    }
  });
});
