import { z } from 'zod';
import { type Bench, withTrueSize } from './bench-part.ts';
import { BLOCK_SHAPES } from './shape.ts';
import { formatSeconds, memorySchema } from './table.ts';
import { RELEASED, SMALLEST } from './true-size.ts';

const LAYERS = 8;
const measuredSchema = z.object({ load_s: z.number(), first_block_s: z.number(), memory: memorySchema });

/**
 * From the start of a process until the first block of its first step was through, with files in the page cache: of each
 * precision the first time, in which it prepares its weights if it has to, and once more.
 */
export async function benchLoad(bench: Bench): Promise<void> {
  const { threads, precisions, run, add, attempt } = bench;
  const { side, text } = BLOCK_SHAPES[0]!;
  const what = `load, from the start of the process to the end of the first of ${LAYERS} blocks`;
  await withTrueSize(bench, { ...SMALLEST, layers: LAYERS, heads: RELEASED.heads }, async (dir, cache) => {
    for (const precision of precisions) {
      const measure = () => run(measuredSchema, 'measure-blocks.ts', dir, cache, precision, threads, 0, side, text);
      const both = await attempt(what, precision, async () => [await measure(), await measure()] as const);
      if (both === undefined) continue;
      for (const [i, { load_s, first_block_s, memory }] of both.entries())
        add({
          what: `${what}, ${i === 0 ? 'the first time' : 'again'}`,
          ...{ by: precision, seconds: first_block_s, memory },
          whole: `opening the networks ${formatSeconds(load_s)} of it`,
        });
    }
  });
}
