import { availableParallelism } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FloatArray, Planes } from '../../packages/pipeline/src/arrays.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { tiled } from '../../packages/pipeline/src/engine/vae-tiling.ts';
import type { PatchGrid } from '../../packages/pipeline/src/image/preprocess.ts';
import {
  CHECKPOINTS,
  checkpointDir,
  type GoldenTensor,
  golden,
  inputPixels,
  readGoldenJson,
  readTensors,
  relativeError,
} from './goldens.ts';

const NETWORK = 1e-4;
const pause = async (): Promise<void> => undefined;
const load = (dir: string): Promise<LoadedModel> => loadModel(dir, { threads: availableParallelism(), pause });

function planes({ data, shape }: GoldenTensor): Planes {
  const [, channels = 0, height = 0, width = 0] = shape;
  return { data, channels, height, width };
}

describe.each(CHECKPOINTS)('each network of %s is within 1e-4 of the largest value of diffusers', (checkpoint) => {
  let model: LoadedModel;
  let tensors: Map<string, GoldenTensor>;
  const tensor = (name: string): GoldenTensor => tensors.get(name)!;
  const close = (got: Float32Array, name: string): void =>
    expect(relativeError(got, tensor(name).data), name).toBeLessThanOrEqual(NETWORK);
  beforeAll(async () => {
    model = await load(checkpointDir(checkpoint));
    tensors = readTensors(golden('networks', `${checkpoint}.safetensors`));
  });

  it('VAE encoder', async () => {
    close((await model.vae.encode(planes(tensor('vae_encode.pixels')))).data, 'vae_encode.mode');
  });

  it('VAE decoder', async () => {
    close((await model.vae.decode(planes(tensor('vae_decode.latent')))).data, 'vae_decode.pixels_unclamped');
  });

  it('transformer, with two references of other sizes', async () => {
    const { transformer } = readGoldenJson<{
      transformer: { img_shapes: [number, number, number][]; timestep: number };
    }>(golden('networks', `${checkpoint}.json`));
    const hidden = tensor('transformer.hidden_states');
    const text = tensor('transformer.encoder_hidden_states');
    const channels = hidden.shape[2]!;
    const pictures = transformer.img_shapes.map(([, rows, columns]) => ({ rows, columns }));
    const split = pictures[0]!.rows * pictures[0]!.columns * channels;
    const matrix = (data: Float32Array, width: number): FloatArray => ({ data, dims: [data.length / width, width] });
    const steps = await model.transformer.modulate(Float32Array.of(transformer.timestep));
    const modulations = await steps.step(0);
    const [prediction] = await model.transformer.predict({
      latents: matrix(hidden.data.slice(0, split), channels),
      referenceLatents: matrix(hidden.data.slice(split), channels),
      conditions: [
        {
          promptEmbeds: matrix(text.data, text.shape[2]!),
          angles: model.transformer.angles(text.shape[1]!, pictures),
        },
      ],
      modulations,
    });
    // The pipeline uses the prediction for the target's tokens only.
    expect(relativeError(prediction!, tensor('transformer.output').data.subarray(0, split))).toBeLessThanOrEqual(
      NETWORK,
    );
  });

  it('text encoder with two pictures, real mRoPE', async () => {
    const ids = [...tensor('text_encoder.input_ids').data];
    const grids = chunk([...tensor('text_encoder.image_grid_thw').data]);
    const pixels = tensor('text_encoder.pixel_values');
    const columns = pixels.shape[1]!;
    const patches: PatchGrid[] = [];
    let row = 0;
    for (const [, rows, across] of grids) {
      patches.push({ data: pixels.data.slice(row * columns, (row + rows * across) * columns), rows, columns: across });
      row += rows * across;
    }
    const embeds = await Promise.all(patches.map((grid) => model.textEncoder.encodeImage(grid)));
    const isImage = ids.map((id) => id === model.prompt.imageTokenId);
    const imageStarts = ids.flatMap((_, i) => (isImage[i] && !isImage[i - 1] ? [i] : []));
    close(
      (await model.textEncoder.encodeTokens({ ids, imageStarts }, embeds, patches)).data,
      'text_encoder.last_hidden_state',
    );
  });
});

function chunk(values: number[]): [number, number, number][] {
  const out: [number, number, number][] = [];
  for (let i = 0; i < values.length; i += 3) out.push([values[i]!, values[i + 1]!, values[i + 2]!]);
  return out;
}

describe('tiled VAE blends seams as diffusers does', () => {
  it('tiny-b at 320 × 272, tiles of 256 every 192', async () => {
    const model = await load(checkpointDir('tiny-b'));
    const tensors = readTensors(golden('networks', 'tiny-b-tiled.safetensors'));
    const { seam } = readGoldenJson<{ seam: [number, number] }>(golden('networks', 'tiny-b-tiled.json'));
    const image = await inputPixels('tiles_320x272');
    const area = image.width * image.height;
    const data = new Float32Array(3 * area);
    for (let i = 0; i < data.length; i++) data[i] = (image.data[(i % area) * 3 + Math.floor(i / area)]! / 255) * 2 - 1;

    const encoded = await tiled({ data, channels: 3, height: image.height, width: image.width }, model.vae.encode, {
      from: 1,
      to: 1 / 8,
    });
    expect(relativeError(encoded.data, tensors.get('encode.mode')!.data)).toBeLessThanOrEqual(NETWORK);

    const decoded = await tiled(planes(tensors.get('decode.latent')!), model.vae.decode, { from: 1 / 8, to: 1 });
    const pick = (keep: (side: number) => boolean): number[] =>
      [...decoded.data].filter(
        (_, i) => keep(Math.floor(i / decoded.width) % decoded.height) && keep(i % decoded.width),
      );
    expect(
      relativeError(
        pick((side) => side % 4 === 0),
        tensors.get('decode.pixels_every_4th')!.data,
      ),
    ).toBeLessThanOrEqual(NETWORK);
    expect(
      relativeError(
        pick((side) => side >= seam[0] && side < seam[1]),
        tensors.get('decode.pixels_seam')!.data,
      ),
    ).toBeLessThanOrEqual(NETWORK);
  });
});
