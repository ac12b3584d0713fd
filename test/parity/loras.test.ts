import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import {
  checkpointDir,
  type GoldenEdit,
  golden,
  inputBytes,
  psnr,
  readGoldenJson,
  readTensors,
  relativeError,
} from './goldens.ts';

interface GoldenLoras {
  /** Whose arguments these are. */
  readonly edit: string;
  readonly loras: readonly { readonly file: string; readonly scale: number }[];
  readonly output: { readonly pictures: readonly string[] };
}

const NETWORK = 1e-4;
const LATENTS = 1e-3;
const PSNR_DB = 60;
const LORAS = join(import.meta.dirname, '../fixtures/loras');

describe.each(['tiny-a', 'tiny-c'] as const)('edits of %s with LoRAs are those of diffusers', (checkpoint) => {
  let model: LoadedModel;
  beforeAll(async () => {
    const threads = availableParallelism();
    model = await loadModel(checkpointDir(checkpoint), { threads, pause: async () => undefined });
  });
  afterAll(() => model.release());

  const names = readdirSync(golden('loras', checkpoint))
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'));
  it.each(names)('%s: first prediction, last latents and picture', async (name) => {
    const wanted = readGoldenJson<GoldenLoras>(golden('loras', checkpoint, `${name}.json`));
    const tensors = readTensors(golden('loras', checkpoint, `${name}.safetensors`));
    const { arguments: said } = readGoldenJson<GoldenEdit>(golden('edits', checkpoint, `${wanted.edit}.json`));
    const predictions: Float32Array[] = [];
    const result = await runEdit(
      model,
      {
        images: said.images.map(inputBytes),
        parameters: {
          ...{ prompt: said.prompt, negative_prompt: said.negative_prompt, seed: said.seed, max_side: said.max_side },
          num_inference_steps: said.num_inference_steps,
          true_cfg_scale: said.true_cfg_scale,
          num_images_per_prompt: said.num_images_per_prompt,
          width: said.width ?? undefined,
          height: said.height ?? undefined,
        },
        loras: wanted.loras.map(({ file, scale }) => ({ label: file, path: join(LORAS, checkpoint, file), scale })),
      },
      {
        returnLatents: true,
        observe: (what, { data }) => {
          if (what === 'noise_pred') predictions.push(data);
        },
      },
    );
    expect(relativeError(predictions[0]!, tensors.get('first_noise_pred')!.data)).toBeLessThanOrEqual(NETWORK);
    expect(relativeError(result.latents!.data, tensors.get('final_latents')!.data)).toBeLessThanOrEqual(LATENTS);
    for (const [i, { bytes }] of result.outputs.entries()) {
      const picture = readFileSync(golden('loras', checkpoint, wanted.output.pictures[i]!));
      expect(await psnr(bytes, picture)).toBeGreaterThanOrEqual(PSNR_DB);
    }
  });
});
