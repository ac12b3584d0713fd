import { PRECISION_NAMES, runnablePrecisions } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { graphForms } from '../../packages/pipeline/src/engine/forms.ts';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { type Precision, type Preparation, precisionNamed } from '../../packages/pipeline/src/engine/precision.ts';
import { type ModelFolder, openModelFolder } from '../../packages/pipeline/src/hub/model-folder.ts';
import { gemmLinear } from '../../packages/pipeline/src/onnx/linear.ts';
import { halfLinear } from '../../packages/pipeline/src/onnx/linear-half.ts';
import type { HalfType } from '../../packages/pipeline/src/onnx/number-types.ts';
import { heavySegments } from '../../packages/pipeline/src/prepared/heavy-segments.ts';
import { selfTestBounds } from '../../packages/pipeline/src/self-test/bounds.ts';
import { runGoldenEdit } from '../../packages/pipeline/src/self-test/run-golden-edit.ts';
import { checkpointDir } from '../parity/goldens.ts';
import { emulatedLinear } from '../support/half-emulation.ts';
import { everyGraph } from './every-graph.ts';

const demo = checkpointDir('demo');

/** A precision whose repeated layers are rounded as a card's, on the CPU. */
function emulatedPrecision(name: HalfType): Precision {
  const half = emulatedLinear(halfLinear(name));
  const preparation: Preparation = {
    version: 0,
    needsLayout: false,
    settings: {},
    prepare: () => ({}),
    linear: (find) => (g, x, layer) => (find(layer.name) === undefined ? gemmLinear : half)(g, x, layer),
  };
  return { name, linear: gemmLinear, preparation };
}

const repeatedLayers = (folder: ModelFolder): ReadonlySet<string> =>
  new Set(heavySegments(folder).flatMap(({ layers }) => layers.map(({ name }) => name)));

describe('a whole edit in 16 bits', () => {
  it.each(['fp16', 'bf16'] as const)('in %s is within the bounds of the self-test', async (name) => {
    const model = await loadModel(demo, {
      ...{ precision: emulatedPrecision(name), threads: 1, pause: async () => undefined },
      async prepare(folder) {
        const repeated = repeatedLayers(folder);
        const find = (layer: string) => (repeated.has(layer) ? { arrays: {}, settings: {} } : undefined);
        return { find, folder: folder.root };
      },
      // Who measures leaves nothing behind.
      onOutputs: () => undefined,
    });
    const result = await runGoldenEdit(model, demo).finally(model.release);
    expect(result.reason).toBeUndefined();
    expect(result.figures.at(-1)).toMatchObject({ name: 'picture', ok: true });
    expect(result.figures.at(-1)?.decibels).toBeLessThan(70);
  });
});

describe('what computes in fp32 in every precision', () => {
  const REPEATED = /^(transformer\.blocks|text-encoder\.layers)\./;
  const cases = (['webgpu', 'cuda'] as const).flatMap((device) =>
    runnablePrecisions(device)
      .filter((name) => name !== 'fp32')
      .map((name) => [name, device] as const),
  );

  it.each(cases)(
    'in %s on %s, every graph but those of blocks and language layers is that of fp32',
    async (name, kind) => {
      const folder = await openModelFolder(demo);
      const device = deviceNamed(kind);
      const model = { ...folder, name: 'demo' };
      const wide = everyGraph(model, device, precisionNamed('fp32', kind));
      const graphs = everyGraph(model, device, precisionNamed(name, kind));
      expect([...graphs.keys()]).toEqual([...wide.keys()]);
      const changed = [...graphs].filter(([graph, bytes]) => !Buffer.from(bytes).equals(Buffer.from(wide.get(graph)!)));
      expect(changed.map(([graph]) => graph)).toEqual([...graphs.keys()].filter((graph) => REPEATED.test(graph)));
    },
  );

  it('the language model keeps its attention, and the transformer too unless the device sums it in 32 bits', () => {
    const formsOf = (device: Device, name: string) =>
      graphForms({ device, precision: precisionNamed(name, device.name), prepared: () => undefined });
    for (const kernels of ['fast', 'safe'] as const)
      for (const name of runnablePrecisions('webgpu'))
        expect(formsOf(deviceNamed('webgpu', kernels), name).repeated?.attention).toBeUndefined();
    for (const name of ['bf16', 'fp16', 'w8', 'w4']) {
      expect(formsOf(deviceNamed('cuda'), name).repeated?.attention).toBeDefined();
      expect(formsOf(deviceNamed('cuda', 'safe'), name).repeated?.attention).toBeUndefined();
      expect(formsOf(deviceNamed('cuda'), name).attention).toBe(deviceNamed('cuda').attention);
    }
  });
});

it('every precision has bounds, and one that nobody has measured is an error, not a pass', () => {
  for (const name of PRECISION_NAMES) expect(selfTestBounds(name).plain).toBe(80);
  expect(selfTestBounds('w8', 'fp32').network).toBeGreaterThan(selfTestBounds('w8').network);
  expect(() => selfTestBounds('fp8')).toThrow(expect.objectContaining({ code: 'internal' }));
});
