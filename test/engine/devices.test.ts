import { describe, expect, it } from 'vitest';
import { type Device, deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import { loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { createGraphSession } from '../../packages/pipeline/src/engine/session.ts';
import { loadPreparedModel, type PreparedLoadOptions } from '../../packages/pipeline/src/load-prepared-model.ts';
import { createGraph } from '../../packages/pipeline/src/onnx/graph.ts';
import { attention } from '../../packages/pipeline/src/onnx/layers.ts';
import { readGoldenEdit } from '../../packages/pipeline/src/self-test/golden-edit.ts';
import { makeGoldenEdit, runGoldenEdit } from '../../packages/pipeline/src/self-test/run-golden-edit.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';

const demo = checkpointDir('demo');
const pause = async (): Promise<void> => undefined;

async function goldenResult(device: Device, options: Partial<PreparedLoadOptions> = {}): Promise<Uint8Array> {
  const model = await loadPreparedModel(demo, { device, threads: 1, pause, ...options });
  const { picture } = await readGoldenEdit(demo);
  return (await makeGoldenEdit(model, picture).finally(model.release)).result;
}

describe('a device that binds few bytes at once', () => {
  // Of the demo model, the largest layer of the transformer is 960 by 240: 900 kB in fp32.
  const small = { ...deviceNamed(), largestWeight: 100_000 };

  it('makes the golden edit over weights that are cut', async () => {
    const model = await loadModel(demo, { device: small, threads: 1, pause });
    expect((await runGoldenEdit(model, demo).finally(model.release)).reason).toBeUndefined();
  });

  it('cuts prepared weights at the same places, with their scales and zero points', async () => {
    const weightCacheDir = await temporaryFolder();
    for (const precision of ['w8', 'w4'] as const) {
      const prepared = { precision, weightCacheDir };
      // A part is not laid out for the processor, whose products then round in another order.
      const model = await loadPreparedModel(demo, { device: small, threads: 1, pause, ...prepared });
      expect((await runGoldenEdit(model, demo).finally(model.release)).reason).toBeUndefined();
    }
  });
});

describe('an engine over several devices', () => {
  it('makes the picture of one', async () => {
    expect(await goldenResult(deviceNamed('cpu+cpu'))).toEqual(await goldenResult(deviceNamed()));
  });

  it('is called by all of them', () => {
    expect(deviceNamed('cpu+cpu').key).toBe('cpu+cpu');
    expect(deviceNamed('cuda:1+cuda:0').spread.map(({ key }) => key)).toEqual(['cuda:1', 'cuda:0']);
  });

  it('is refused over devices of different kinds', () => {
    expect(() => deviceNamed('cuda:0+cpu')).toThrow(
      expect.objectContaining({ code: 'invalid_parameter', message: expect.stringContaining('of different kinds') }),
    );
  });
});

describe('the safe kernels', () => {
  it('make the golden edit on the processor', async () => {
    const model = await loadModel(demo, { device: deviceNamed('cpu', 'safe'), threads: 1, pause });
    expect((await runGoldenEdit(model, demo).finally(model.release)).reason).toBeUndefined();
  });

  it.each([
    ['one head', 1, {}],
    ['more heads than groups', 11, {}],
    ['causal', 3, { causal: true }],
    ['with a bias', 2, { biased: true }],
  ])('compose the same attention: %s', async (_, count, { causal = false, biased = false }: AttentionCase) => {
    const [fused, composed] = await Promise.all(
      (['fast', 'safe'] as const).map((kernels) => attend(deviceNamed('cpu', kernels), { count, causal, biased })),
    );
    const error = Math.max(...fused!.map((value, i) => Math.abs(value - composed![i]!)));
    expect(error).toBeLessThan(1e-5);
  });
});

interface AttentionCase {
  readonly causal?: boolean;
  readonly biased?: boolean;
}

/** Two sequences of 33 tokens, heads of 8 channels. */
async function attend(
  device: Device,
  { count, causal, biased }: { count: number; causal: boolean; biased: boolean },
): Promise<number[]> {
  const [batch, length, dim] = [2, 33, 8];
  const width = count * dim;
  const g = createGraph('attention', {
    ...{ weights: undefined as never, root: '/', linear: undefined as never },
    attention: device.attention,
  });
  const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, [batch, 'S', width]));
  const bias = biased ? { bias: g.input('bias', [batch, 1, 'S', 'S']) } : {};
  g.output('y', attention(g, [q!, k!, v!], { count, dim }, { causal, ...bias }), [batch, 'S', width]);
  const session = await createGraphSession(g, { device, threads: 1, root: '/' });
  const numbers = (dims: readonly number[], rate: number) => {
    const size = dims.reduce((a, b) => a * b, 1);
    return { data: Float32Array.from({ length: size }, (_, i) => 2 * Math.sin(i * rate)), dims };
  };
  const feeds = Object.fromEntries(
    ['q', 'k', 'v'].map((name, i) => [name, numbers([batch, length, width], 0.37 + i)] as const),
  );
  const { y } = await session.run(biased ? { ...feeds, bias: numbers([batch, 1, length, length], 1.7) } : feeds);
  await session.release();
  return [...y!.data];
}
