import { expect, it } from 'vitest';
import { DRAFT_AREA } from '../../packages/contract/src/index.ts';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { type Checkpoint, checkpointDir, inputBytes } from '../parity/goldens.ts';

const load = (name: Checkpoint): Promise<LoadedModel> =>
  loadModel(checkpointDir(name), { threads: 2, pause: async () => undefined });

/** An edit of two steps, and how many tokens its references took. */
async function edit(model: LoadedModel, parameters: object, pictures: readonly string[] = ['sq_72x72']) {
  let tokens = 0;
  const result = await runEdit(
    model,
    {
      images: pictures.map(inputBytes),
      parameters: { prompt: 'paint it', num_inference_steps: 2, true_cfg_scale: 1, ...parameters },
    },
    {
      observe(name, { data }) {
        if (name === 'image_latents') tokens = data.length / model.folder.transformer.config.in_channels;
      },
    },
  );
  const { outputs, receipt, warnings } = result;
  const [output] = outputs;
  return { tokens, warnings, receipt, width: output?.width, height: output?.height, bytes: output?.bytes };
}

/** Tokens of a picture: one for a square of twice the VAE's factor. */
const tokensOf = ({ vae }: LoadedModel, width: number, height: number): number =>
  (width * height) / (2 * vae.factor) ** 2;

it.each(['tiny-a', 'tiny-b'] as const)(
  '%s: a draft runs from the pictures to the result, all at 512²',
  async (name) => {
    const model = await load(name);
    const { tokens, warnings, receipt, ...size } = await edit(model, { preset: 'draft', max_side: 512 });
    expect(size).toMatchObject({ width: 512, height: 512 });
    expect(size.width! * size.height!).toBe(DRAFT_AREA);
    expect(tokens).toBe(tokensOf(model, 512, 512));
    expect(receipt.parameters).toMatchObject({ width: 512, height: 512, max_side: 512, reference_size: 'output' });
    expect(receipt.parameters).toMatchObject({ preset: 'draft', speed: 'exact' });
    expect(receipt.images).toEqual([
      { sha256: expect.any(String), width: 72, height: 72, reference: { width: 512, height: 512 } },
    ]);
    expect(warnings).toEqual([]);
  },
);

it('a draft of a model whose results are smaller is what the model makes anyway', async () => {
  const model = await load('tiny-c');
  const plain = await edit(model, {});
  const draft = await edit(model, { preset: 'draft' });
  expect(plain).toMatchObject({ width: 128, height: 128 });
  expect(draft.bytes).toEqual(plain.bytes);
});

it('references of the result’s size take its tokens, cut to its shape; max_side alone saves none', async () => {
  const model = await load('tiny-c');
  const sides = { width: 64, height: 48 };
  const pictures = ['sq_72x72', 'odd_97x61'];
  const own = await edit(model, sides, pictures);
  expect(own.tokens).toBe(
    own.receipt.images.reduce((sum, { reference: { width, height } }) => sum + tokensOf(model, width, height), 0),
  );
  expect((await edit(model, { ...sides, max_side: 32 }, pictures)).tokens).toBe(own.tokens);
  const small = await edit(model, { ...sides, reference_size: 'output' }, pictures);
  expect(small).toMatchObject(sides);
  expect(small.tokens).toBe(2 * tokensOf(model, 64, 48));
  expect(small.tokens).toBeLessThan(own.tokens / 4);
  expect(small.receipt.images.map(({ reference }) => reference)).toEqual([sides, sides]);
  expect(small.bytes).not.toEqual(own.bytes);
});

it('the size in a receipt, sent again, gives the same picture', async () => {
  const model = await load('tiny-c');
  const first = await edit(model, { output_area: 8192, reference_size: 'output' }, ['odd_97x61']);
  const { width, height, max_side, reference_size } = first.receipt.parameters;
  const again = await edit(model, { size: `${width}x${height}`, max_side, reference_size }, ['odd_97x61']);
  expect(again.bytes).toEqual(first.bytes);
});
