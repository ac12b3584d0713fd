import { z } from 'zod';
import { type Bench, withTrueSize } from './bench-part.ts';
import { PEER_DTYPES, RATIO_DTYPE } from './peer.ts';
import { BLOCK_SHAPES, type BlockShape, blockFlops, PRODUCT_FLOPS } from './shape.ts';
import { type BenchRow, formatSeconds, memorySchema } from './table.ts';
import { RELEASED, SMALLEST } from './true-size.ts';

const LAYERS = 2;
const measuredSchema = z.object({ block_s: z.number(), around_s: z.number(), memory: memorySchema });

/** Blocks of the transformer at true width, from bf16 weights, in each precision, and what a step of all of them would take. */
export async function benchBlocks(bench: Bench): Promise<void> {
  const { quick, threads, rounds, precisions, peer, run, add, attempt } = bench;
  const products = await attempt('the matrix products of a block alone', 'ONNX Runtime', () =>
    run(z.object({ seconds: z.number() }), 'measure-matmul.ts', threads, rounds),
  );
  if (products !== undefined)
    add({
      what: `the matrix products of a block alone, ${tokens(BLOCK_SHAPES[0]!)}`,
      by: 'ONNX Runtime, fp32',
      ...products,
      flops: PRODUCT_FLOPS,
    });
  const size = { ...SMALLEST, layers: LAYERS, heads: RELEASED.heads };
  await withTrueSize(bench, size, async (dir, cache) => {
    for (const shape of quick ? BLOCK_SHAPES.slice(0, 1) : BLOCK_SHAPES) {
      const what = `a block, ${tokens(shape)}`;
      const { side, text } = shape;
      let peerSeconds: number | undefined;
      const rowOf = ({ block_s, around_s, memory }: z.output<typeof measuredSchema>): Omit<BenchRow, 'by'> => ({
        ...{ what, seconds: block_s, flops: blockFlops(shape), memory },
        whole: `a step ${formatSeconds(RELEASED.layers * block_s + around_s)}: ${RELEASED.layers} × a block + ${formatSeconds(around_s)}`,
      });
      for (const dtype of peer === undefined ? [] : PEER_DTYPES) {
        const by = `${peer!.name}, ${dtype}`;
        const theirs = await attempt(what, by, () =>
          peer!.run(measuredSchema, 'diffusers_blocks.py', LAYERS, threads, rounds, side, text, dtype),
        );
        if (theirs === undefined) continue;
        add({ ...rowOf(theirs), by });
        if (dtype === RATIO_DTYPE) peerSeconds = theirs.block_s;
      }
      for (const precision of precisions) {
        const measure = (count: number) =>
          run(measuredSchema, 'measure-blocks.ts', dir, cache, precision, threads, count, side, text);
        const ours = await attempt(what, precision, async () => {
          // The first process puts files into the page cache, and prepares what the precision needs.
          await measure(0);
          return measure(rounds);
        });
        if (ours !== undefined) add({ ...rowOf(ours), by: precision, peerSeconds });
      }
    }
  });
}

const tokens = ({ side, text }: BlockShape): string => `${side ** 2} + ${side ** 2} + ${text} tokens`;
