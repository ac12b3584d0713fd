import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { editSizes, limitSide } from '../../packages/contract/src/index.ts';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { conditionImage, patchify } from '../../packages/pipeline/src/image/preprocess.ts';
import { resizeLanczos } from '../../packages/pipeline/src/image/resample.ts';
import { createSchedule } from '../../packages/pipeline/src/sampling/schedule.ts';
import {
  absoluteError,
  CHECKPOINTS,
  checkpointDir,
  type GoldenEdit,
  golden,
  goldenEdits,
  inputBytes,
  inputPixels,
  psnr,
  readGoldenJson,
  readTensors,
  relativeError,
  sha256,
} from './goldens.ts';

const LATENTS = 1e-3;
const NETWORK = 1e-4;
const NOISE = 1e-6;
const PSNR_DB = 60;

describe.each(CHECKPOINTS)('whole edits of %s are those of diffusers', (checkpoint) => {
  let model: LoadedModel;
  beforeAll(async () => {
    model = await loadModel(checkpointDir(checkpoint), {
      threads: availableParallelism(),
      pause: async () => undefined,
    });
  });

  describe.each(goldenEdits(checkpoint))('%s', (name) => {
    const wanted = readGoldenJson<GoldenEdit>(golden('edits', checkpoint, `${name}.json`));
    const said = wanted.arguments;
    const merge = 2;

    it('ids, sizes and the bytes of resized pictures are equal', async () => {
      const imageTokens = wanted.image_grid_thw.map(([, rows, columns]) => (rows * columns) / merge ** 2);
      expect(model.prompt.encode(said.prompt, imageTokens).ids).toEqual(wanted.input_ids);
      if (wanted.negative_input_ids !== null) {
        expect(model.prompt.encode(said.negative_prompt ?? '', imageTokens).ids).toEqual(wanted.negative_input_ids);
      }
      const pictures = await Promise.all(said.images.map(inputPixels));
      const asked = { width: said.width ?? undefined, height: said.height ?? undefined, max_side: said.max_side };
      const facts = { ...model.folder.edit, size_multiple: 2 * model.vae.factor };
      const sizes = editSizes(asked, pictures, facts);
      expect(sizes.result).toEqual({ width: wanted.output.width, height: wanted.output.height });
      expect(sizes.references.map(({ width, height }) => [width, height])).toEqual(
        wanted.vae_pictures.map(({ width, height }) => [width, height]),
      );
      const patches: Float32Array[] = [];
      for (const [i, file] of said.images.entries()) {
        const image = await inputPixels(file);
        const limited = limitSide(image, said.max_side);
        const reference = resizeLanczos(image, limited.width, limited.height);
        const condition = conditionImage(reference, wanted.condition_image_size);
        expect({ width: condition.width, height: condition.height, sha256: sha256(condition.data) }).toEqual(
          wanted.condition_pictures[i],
        );
        const { width, height, sha256: hash } = wanted.vae_pictures[i]!;
        expect(sha256(resizeLanczos(reference, width, height).data)).toBe(hash);
        const grid = patchify(condition, model.folder.processor);
        expect([1, grid.rows, grid.columns]).toEqual(wanted.image_grid_thw[i]);
        patches.push(grid.data);
      }
      expect(sha256(Buffer.concat(patches.map((each) => new Uint8Array(each.buffer))))).toBe(
        wanted.pixel_values.sha256,
      );
    });

    it('sigmas are within 1e-6', () => {
      const f = 2 * model.vae.factor;
      const { sigmas, timesteps } = createSchedule(
        model.folder.scheduler,
        said.num_inference_steps,
        (wanted.output.width / f) * (wanted.output.height / f),
      );
      expect(absoluteError(sigmas, wanted.sigmas)).toBeLessThanOrEqual(1e-6);
      expect(absoluteError(timesteps, wanted.timesteps)).toBeLessThanOrEqual(1e-3);
    });

    it('from the input file: noise, embeddings, references, first prediction, latents and pictures', async () => {
      const tensors = readTensors(golden('edits', checkpoint, `${name}.safetensors`));
      const observed = new Map<string, Float32Array[]>();
      const { images, height, width, ...parameters } = said;
      const result = await runEdit(
        model,
        {
          images: images.map(inputBytes),
          parameters: { ...parameters, ...(height === null ? {} : { height }), ...(width === null ? {} : { width }) },
        },
        {
          returnLatents: true,
          observe: (key, { data }) => observed.set(key, [...(observed.get(key) ?? []), data.slice()]),
        },
      );
      expect(result.outputs.map((output) => [output.width, output.height])).toEqual(
        wanted.output.pictures.map(() => [wanted.output.width, wanted.output.height]),
      );

      const compared = new Set<string>();
      const compare = (
        key: string,
        got: Float32Array | undefined,
        error: typeof relativeError,
        limit: number,
      ): void => {
        for (const [tensor, { data, shape }] of tensors) {
          const [, base = '', every = '1'] = /^(.*?)(?:_every_(\d+)(?:th|nd|rd|st))?$/.exec(tensor) ?? [];
          if (base !== key || got === undefined) continue;
          compared.add(tensor);
          const part = takeRows(got, shape.at(-1)!, Number(every)).subarray(0, data.length);
          expect(error(part, data), `${tensor} of ${name}`).toBeLessThanOrEqual(limit);
        }
      };
      compare('init_latents', observed.get('init_latents')?.[0], absoluteError, NOISE);
      compare('prompt_embeds', observed.get('prompt_embeds')?.[0], relativeError, NETWORK);
      compare('negative_prompt_embeds', observed.get('negative_prompt_embeds')?.[0], relativeError, NETWORK);
      compare('image_latents', observed.get('image_latents')?.[0], relativeError, NETWORK);
      const firstStep = observed.get('noise_pred')?.slice(0, said.num_images_per_prompt) ?? [];
      compare('first_noise_pred', Float32Array.from(firstStep.flatMap((each) => [...each])), relativeError, NETWORK);
      compare('final_latents', result.latents?.data, absoluteError, LATENTS);
      expect([...compared].sort()).toEqual([...tensors.keys()].sort());

      for (const [i, file] of wanted.output.pictures.entries()) {
        const whole = golden('edits', checkpoint, file);
        expect(existsSync(whole)).toBe(true);
        const averaged = /-averaged(\d+)\.png$/.exec(file)?.[1];
        const bytes =
          averaged === undefined
            ? result.outputs[i]!.bytes
            : await boxAverage(result.outputs[i]!.bytes, Number(averaged));
        expect(await psnr(bytes, readFileSync(whole)), file).toBeGreaterThanOrEqual(PSNR_DB);
      }
    });
  });
});

/** Every n-th row of a matrix. */
function takeRows(data: Float32Array, width: number, every: number): Float32Array {
  if (every === 1) return data;
  const rows: number[] = [];
  for (let row = 0; row * width < data.length; row += every)
    rows.push(...data.subarray(row * width, (row + 1) * width));
  return Float32Array.from(rows);
}

/** Mean of n × n blocks, rounded half to even. */
async function boxAverage(png: Uint8Array, n: number): Promise<Buffer> {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const width = info.width / n;
  const height = info.height / n;
  const out = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = 0; i < n * n; i++)
          sum += data[((y * n + Math.floor(i / n)) * info.width + x * n + (i % n)) * 3 + c]!;
        out[(y * width + x) * 3 + c] = Math.round(sum / (n * n));
      }
    }
  }
  return sharp(out, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
