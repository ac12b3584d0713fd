import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelShapeSchema } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { openModelFolder } from '../hub/model-folder.ts';
import { textEncoderTensors, transformerTensors, vaeTensors } from './checkpoint-tensors.ts';
import { KNOWN_MODELS, knownModelBytes, knownModelShape } from './known-models.ts';
import { modelShape } from './model-shape.ts';

const root = join(import.meta.dirname, '../../../..');
const FOLDERS = ['packages/demo-model', ...['a', 'b', 'c'].map((name) => `test/fixtures/checkpoints/tiny-${name}`)];
const linesOf = (tensors: Iterable<readonly [string, readonly number[]]>): string[] =>
  [...tensors].map(([name, shape]) => `${name} ${shape}`).sort();

describe.each(FOLDERS)('the tensors that %s has', (folder) => {
  it('are those that its configurations say, name by name and side by side', async () => {
    const model = await openModelFolder(join(root, folder));
    const { transformer, textEncoder, vae } = model;
    const inFiles = (weights: typeof vae.weights) =>
      linesOf([...weights.tensors.values()].map(({ name, shape }) => [name, shape] as const));
    expect(linesOf(transformerTensors(transformer.config))).toEqual(inFiles(transformer.weights));
    expect(linesOf(vaeTensors(vae.config))).toEqual(inFiles(vae.weights));
    // transformers 5 has other prefixes; lm_head may be left out, since nothing reads it.
    const plain = (line: string): string =>
      line.replace(/^(model\.language_model|language_model\.model)\./, 'model.').replace(/^model\.visual\./, 'visual.');
    const said = linesOf(textEncoderTensors(textEncoder.config)).filter((line) => !line.startsWith('lm_head'));
    expect(
      inFiles(textEncoder.weights)
        .map(plain)
        .filter((line) => !line.startsWith('lm_head'))
        .sort(),
    ).toEqual(said);
  });

  it('are all counted, each in one part', async () => {
    const model = await openModelFolder(join(root, folder));
    const shape = modelShape(model);
    expect(modelShapeSchema.parse(JSON.parse(JSON.stringify(shape)))).toEqual(shape);
    const { transformer, language, vision, vae } = shape;
    const counted = [transformer, language, vision, vae].reduce((sum, { weights }) => sum + weights.bytes, 0);
    const all = [model.transformer, model.textEncoder, model.vae].flatMap(({ weights }) => [
      ...weights.tensors.values(),
    ]);
    expect(counted + language.embedding_bytes + shape.unused_bytes).toBe(
      all.reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    expect(shape.unused_bytes).toBe(all.find(({ name }) => name.endsWith('lm_head.weight'))?.byteLength ?? 0);
  });
});

describe('the real model, whose weights are not here', () => {
  it.each(KNOWN_MODELS)('%s is known by name, in any case', async (name) => {
    const fixture: unknown = JSON.parse(
      await readFile(join(root, 'test/fixtures/shapes/qwen-image-edit-2511.json'), 'utf8'),
    );
    expect(knownModelShape(name)).toEqual(fixture);
    expect(knownModelShape(name.toUpperCase())).toEqual(fixture);
    expect(knownModelShape(`${name}x`)).toBeUndefined();
  });

  it('has the numbers of parameters that its makers tell, of which a third are modulations', () => {
    const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
    const { transformer, language, vision, vae } = shape;
    expect(transformer.weights.parameters).toBe(20_430_401_088);
    // 60 blocks, two streams, 6 modulations of 3072 each, from 3072.
    expect(transformer.modulation.parameters).toBe(60 * 2 * (18_432 * 3072 + 18_432));
    // Qwen2.5-VL-7B: 8,292,166,656 with its embeddings and its head.
    const tables = 2 * 152_064 * 3584;
    expect(language.weights.parameters + vision.weights.parameters + tables).toBe(8_292_166_656);
    expect(vae.weights.parameters).toBe(126_892_531);
  });

  it('has the bytes that its files have on the hub', () => {
    expect((knownModelBytes('Qwen/Qwen-Image-Edit-2511') ?? 0) / 1e9).toBeCloseTo(57.7, 1);
    expect(knownModelBytes('me/mine')).toBeUndefined();
  });
});
