import type { Device } from '../../packages/pipeline/src/engine/devices.ts';
import { graphForms } from '../../packages/pipeline/src/engine/forms.ts';
import type { Precision } from '../../packages/pipeline/src/engine/precision.ts';
import type { ModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import type { FindPrepared, PreparedLayer } from '../../packages/pipeline/src/onnx/prepared-layer.ts';
import { heavySegments } from '../../packages/pipeline/src/prepared/heavy-segments.ts';
import {
  textEncoderGraphs,
  transformerGraphs,
  vaeGraphs,
} from '../../packages/pipeline/src/verify/required-tensors.ts';

/** Every graph of a model as a device computes it in a precision, by its name, serialized. No weight is read but small ones, and none is prepared. */
export async function precisionGraphs(
  folder: ModelFolder,
  device: Device,
  precision: Precision,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const forms = graphForms({ device, precision, prepared: preparedStandIns(folder, precision) });
  const { textEncoder, transformer, vae, root } = folder;
  const segments = [
    ...textEncoderGraphs(textEncoder.config)({ ...forms, root, weights: textEncoder.weights }),
    ...transformerGraphs(transformer.config)({ ...forms, root, weights: transformer.weights }),
    ...vaeGraphs(vae.config)({ ...forms, root, weights: vae.weights }),
  ];
  const graphs = new Map<string, Uint8Array>();
  for (const { name, build } of segments) graphs.set(name, build().serialize());
  return graphs;
}

/** Prepared weights of the repeated layers that lie nowhere, for graphs that are not run; undefined for a precision that prepares none. */
export function preparedStandIns(folder: ModelFolder, { preparation }: Precision): FindPrepared | undefined {
  if (preparation === undefined) return undefined;
  const layers = new Map<string, PreparedLayer>();
  for (const layer of heavySegments(folder).flatMap((segment) => segment.layers)) {
    const made = preparation.prepare(new Float32Array(layer.n * layer.k), layer, preparation.settings);
    const arrays = Object.entries(made).map(([name, { dtype, data }]) => {
      const placed = { name: `${layer.name}.${name}`, path: `${folder.root}/none`, offset: 0 };
      return [name, { ...placed, dtype, byteLength: data.byteLength }] as const;
    });
    layers.set(layer.name, { arrays: Object.fromEntries(arrays), settings: preparation.settings });
  }
  return (name) => layers.get(name);
}
