import { describe, expect, it } from 'vitest';
import { type OpenedModel, openModel } from '../../packages/pipeline/src/engine/model.ts';
import { openPreparedModel } from '../../packages/pipeline/src/load-prepared-model.ts';
import { gemmLinear, type LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import { selfTestBounds } from '../../packages/pipeline/src/self-test/bounds.ts';
import { runBlock } from '../../packages/pipeline/src/self-test/run-block.ts';
import { temporaryFolder } from '../bad-input/model-copies.ts';
import { checkpointDir } from '../parity/goldens.ts';

const STREAMS = ['block_target', 'block_reference', 'block_text'];
const pause = async (): Promise<void> => undefined;

/** A checkpoint whose linear layers have another form, in a precision that only has that name. */
const withLayers = (linear: LinearForm): Promise<OpenedModel> =>
  openModel(checkpointDir('demo'), { kernels: 'safe', precision: { name: 'fp32', linear }, threads: 1, pause });

describe('one block of a checkpoint, against fp32 on the processor', () => {
  it('passes with other kernels that are right, in all three streams', async () => {
    const { figures, reason } = await runBlock(await withLayers(gemmLinear));
    expect(reason).toBeUndefined();
    expect(figures.map(({ name }) => name)).toEqual(STREAMS);
    for (const { decibels } of figures) expect(decibels).toBeGreaterThan(110);
  });

  it.each([
    ['transformer_blocks.0.img_mlp.net.2', 'block_target'],
    ['transformer_blocks.0.attn.to_add_out', 'block_text'],
  ])('a layer %s that is scaled by 1.01 fails it, and the stream is named', async (layer, stream) => {
    const scaled: LinearForm = (g, x, each) => {
      const y = gemmLinear(g, x, each);
      return each.name === layer ? g.op('Mul', [y, g.floats([1.01], [1])]) : y;
    };
    const { figures, reason } = await runBlock(await withLayers(scaled));
    expect(figures.find(({ ok }) => !ok)?.name).toBe(stream);
    expect(reason).toMatch(new RegExp(`On cpu in fp32 a block of .* \\(${stream}\\) comes to \\d+\\.\\d dB of fp32`));
  });

  it('numbers that are none fail it', async () => {
    const broken: LinearForm = (g, x, each) => g.op('Div', [gemmLinear(g, x, each), g.floats([0], [1])]);
    expect((await runBlock(await withLayers(broken))).figures).toMatchObject(
      STREAMS.map((name) => ({ name, decibels: 0 })),
    );
  });

  it('fp32 on the processor is not compared with itself', async () => {
    const opened = await openPreparedModel(checkpointDir('demo'), { threads: 1, pause });
    expect(await runBlock(opened)).toEqual({ figures: [] });
  });
});

describe('each precision of the processor passes it within its bound, and not by far', () => {
  it.each(['w8', 'w4'])('%s', { timeout: 15 * 60_000 }, async (precision) => {
    const options = { precision, threads: 1, pause, weightCacheDir: await temporaryFolder() };
    const { figures } = await runBlock(await openPreparedModel(checkpointDir('demo'), options));
    const { block } = selfTestBounds(precision);
    for (const { ok, decibels } of figures) {
      expect(ok).toBe(true);
      expect(decibels).toBeLessThan(block + 20);
    }
  });
});
