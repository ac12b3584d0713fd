import { join } from 'node:path';
import { type DeviceName, runnablePrecisions } from '@qwen-edit/contract';
import { type Device, deviceNamed, type KernelSet } from '../../packages/pipeline/src/engine/devices.ts';
import { type Precision, precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { graphSource } from '../../packages/pipeline/src/engine/segment-chain.ts';
import { openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { checkConfig } from '../../packages/pipeline/src/hub/read-json.ts';
import { type TextEncoderConfig, textEncoderSchema } from '../../packages/pipeline/src/hub/text-encoder-config.ts';
import { type TransformerConfig, transformerSchema } from '../../packages/pipeline/src/hub/transformer-config.ts';
import { type VaeConfig, vaeSchema } from '../../packages/pipeline/src/hub/vae-config.ts';
import type { FindPrepared } from '../../packages/pipeline/src/onnx/prepared-layer.ts';
import {
  type TensorList,
  textEncoderTensors,
  transformerTensors,
  vaeTensors,
} from '../../packages/pipeline/src/plan/checkpoint-tensors.ts';
import {
  textEncoderGraphs,
  transformerGraphs,
  vaeGraphs,
} from '../../packages/pipeline/src/verify/required-tensors.ts';
import { createWeights, type Weights } from '../../packages/pipeline/src/weights/weights.ts';
import { CHECKPOINTS, checkpointDir, readGoldenJson } from '../parity/goldens.ts';

/** What the graphs of a model are made of. */
export interface ModelParts {
  readonly name: string;
  readonly root: string;
  readonly transformer: { readonly config: TransformerConfig; readonly weights: Weights };
  readonly textEncoder: { readonly config: TextEncoderConfig; readonly weights: Weights };
  readonly vae: { readonly config: VaeConfig; readonly weights: Weights };
}

/**
 * The checkpoints of the tests, and Qwen-Image-Edit-2511 in its true widths, without its weights. Of its equal layers there are two: the others
 * differ in the names of their weights only.
 */
export async function everyModel(): Promise<ModelParts[]> {
  const small = CHECKPOINTS.map(async (name) => ({ ...(await openModelFolder(checkpointDir(name))), name }));
  return [...(await Promise.all(small)), trueSize()];
}

type Configs = Record<'transformer' | 'text_encoder' | 'vae', unknown>;

function trueSize(): ModelParts {
  const { shared, releases } = readGoldenJson<{ shared: Configs; releases: Record<string, Partial<Configs>> }>(
    `${import.meta.dirname}/../fixtures/released-configs.json`,
  );
  const name = 'Qwen/Qwen-Image-Edit-2511';
  const configs = { ...shared, ...releases[name] };
  const transformer = { ...checkConfig(transformerSchema, configs.transformer, name), num_layers: 2 };
  const whole = checkConfig(textEncoderSchema, configs.text_encoder, name);
  const textEncoder = { ...whole, text: { ...whole.text, num_hidden_layers: 2 } };
  const vae = checkConfig(vaeSchema, configs.vae, name);
  return {
    ...{ name, root: '/' },
    transformer: { config: transformer, weights: standInWeights(transformerTensors(transformer)) },
    textEncoder: { config: textEncoder, weights: standInWeights(textEncoderTensors(textEncoder)) },
    vae: { config: vae, weights: standInWeights(vaeTensors(vae)) },
  };
}

/** Weights in bf16 that nobody reads. */
function standInWeights(list: TensorList): Weights {
  const tensors = [...list].map(([name, shape]) => {
    const byteLength = shape.reduce((product, side) => product * side, 2);
    return [name, { name, dtype: 'BF16', shape, path: '/weights', offset: 0, byteLength }] as const;
  });
  return {
    ...createWeights('true size', new Map(tensors), new Map()),
    read: ({ shape }) => new Float32Array(shape.reduce((product, side) => product * side, 1)),
  };
}

/** The graphs of all networks of a model, serialized, by their names. */
export function everyGraph(model: ModelParts, device: Device, precision: Precision): Map<string, Uint8Array> {
  const { root, transformer, textEncoder, vae } = model;
  const prepared = standInPrepared(precision, root);
  const context = { device, precision, threads: 1, root, pause: async () => {}, prepared };
  const segments = [
    ...transformerGraphs(transformer.config)(graphSource(context, transformer.weights)),
    ...textEncoderGraphs(textEncoder.config)(graphSource(context, textEncoder.weights)),
    ...vaeGraphs(vae.config)(graphSource(context, vae.weights)),
  ];
  return new Map(segments.map(({ name, build }) => [name, build().serialize()]));
}

/** Arrays of the types that a precision prepares, for every layer. */
function standInPrepared({ preparation }: Precision, root: string): FindPrepared | undefined {
  if (preparation === undefined) return undefined;
  const layer = { name: 'layer', n: 128, k: 128, stored: [128, 128], bias: true };
  const made = preparation.prepare(new Float32Array(128 * 128).fill(1), layer, preparation.settings);
  const arrays = Object.entries(made).map(([name, { dtype, data }]) => {
    return [name, { dtype, name, path: join(root, 'prepared'), offset: 0, byteLength: data.byteLength }] as const;
  });
  return () => ({ arrays: Object.fromEntries(arrays), settings: preparation.settings });
}

/** Each set of kernels and precision that the device is said to run. */
export function everyWay(name: DeviceName): { label: string; device: Device; precision: Precision }[] {
  const kernels: readonly KernelSet[] = ['fast', 'safe'];
  return kernels.flatMap((each) =>
    runnablePrecisions(name).map((precision) => ({
      label: `${each} kernels, ${precision}`,
      device: deviceNamed(name, each),
      precision: precisionNamed(precision, name),
    })),
  );
}
