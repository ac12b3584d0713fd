import { z } from 'zod';
import { type Bench, withTrueSize } from './bench-part.ts';
import { BLOCK_SHAPES } from './shape.ts';
import { memorySchema } from './table.ts';
import { RELEASED, SMALLEST } from './true-size.ts';

const LAYERS = 2;
/** Of the Lightning LoRA. */
const RANK = 64;
const seconds = z.number();
const measuredSchema = z.object({
  ...{ plain_s: seconds, lora_s: seconds, opening_s: seconds, reading_s: seconds, between_s: seconds, back_s: seconds },
  memory: memorySchema,
});

/** Blocks of true width with a LoRA as large as Lightning's, and what switches cost: per block, and of all blocks. */
export async function benchLora(bench: Bench): Promise<void> {
  const { threads, rounds, precisions, folder, run, add, attempt } = bench;
  const { side, text } = BLOCK_SHAPES[0]!;
  const tokens = `${side ** 2} + ${side ** 2} + ${text} tokens`;
  await withTrueSize(bench, { ...SMALLEST, layers: LAYERS, heads: RELEASED.heads }, async (dir, cache) => {
    for (const precision of precisions) {
      const measure = (count: number) =>
        run(measuredSchema, 'measure-lora.ts', dir, cache, folder, precision, threads, count, RANK, side, text);
      const found = await attempt(`LoRA of rank ${RANK}`, precision, async () => {
        await measure(1);
        return measure(rounds);
      });
      if (found === undefined) continue;
      const { plain_s, lora_s, opening_s, reading_s, between_s, back_s, memory } = found;
      const whole = (each: number): string => `${RELEASED.layers} blocks: ${(RELEASED.layers * each).toPrecision(3)} s`;
      const row = { by: precision, memory };
      add({ ...row, what: `a block, ${tokens}, without a LoRA`, seconds: plain_s, whole: whole(plain_s) });
      add({ ...row, what: `a block with a LoRA of rank ${RANK}`, seconds: lora_s, whole: whole(lora_s) });
      add({ ...row, what: 'reading a LoRA, a block', seconds: reading_s, whole: whole(reading_s) });
      add({ ...row, what: 'loading graphs for the first LoRA, a block', seconds: opening_s, whole: whole(opening_s) });
      add({
        ...row,
        what: 'a switch between two LoRAs that were read, a block',
        seconds: between_s,
        whole: whole(between_s),
      });
      add({ ...row, what: 'a switch to the model alone, a block', seconds: back_s, whole: whole(back_s) });
    }
  });
}
