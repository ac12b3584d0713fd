import { z } from 'zod';
import { type Bench, withTrueSize } from './bench-part.ts';
import { PEER_DTYPES, RATIO_DTYPE } from './peer.ts';
import { TEXT } from './shape.ts';
import { formatSeconds, memorySchema } from './table.ts';
import { RELEASED, SMALLEST } from './true-size.ts';

const LAYERS = 2;
/** Seven blocks that attend in windows and one that attends to all, as four times in the released tower. */
const VISION_LAYERS = 8;
/** 384² is brought to 392², which is 28 × 28 patches. */
const PATCHES = 28;
const measuredSchema = z.object({
  vision_s: z.number(),
  vision_rest_s: z.number(),
  language_s: z.number(),
  language_rest_s: z.number(),
  memory: memorySchema,
});
type Measured = z.output<typeof measuredSchema>;

/** The text encoder at true width and reduced depth: the vision tower for one picture, the language model for a prompt with it. */
export async function benchText(bench: Bench): Promise<void> {
  const { threads, rounds, precisions, peer, run, add, attempt } = bench;
  const what = `text encoding, ${TEXT.tokens} tokens, a picture of 392² among them`;
  const addBoth = (by: string, measured: Measured, theirs: Measured | undefined): void => {
    const { vision_s, vision_rest_s, language_s, language_rest_s, memory } = measured;
    const vision = (RELEASED.visionLayers / VISION_LAYERS) * vision_s + vision_rest_s;
    const language = (RELEASED.textLayers / LAYERS) * language_s + language_rest_s;
    add({
      what: `${VISION_LAYERS} of ${RELEASED.visionLayers} blocks of the vision tower, a picture of 392²`,
      ...{ by, seconds: vision_s, memory, peerSeconds: theirs?.vision_s },
      whole: `the tower ${formatSeconds(vision)}: time × ${RELEASED.visionLayers / VISION_LAYERS} + ${formatSeconds(vision_rest_s)}`,
    });
    add({
      what: `${LAYERS} of ${RELEASED.textLayers} layers of the language model, ${TEXT.tokens} tokens`,
      ...{ by, seconds: language_s, peerSeconds: theirs?.language_s },
      whole: `the model ${formatSeconds(language)}: time × ${RELEASED.textLayers / LAYERS} + ${formatSeconds(language_rest_s)}`,
    });
  };
  let theirBf16: Measured | undefined;
  if (peer?.textName === undefined) bench.note('without transformers the text encoder is measured alone');
  for (const dtype of peer?.textName === undefined ? [] : PEER_DTYPES) {
    const by = `${peer!.textName}, ${dtype}`;
    const sizes = [LAYERS, VISION_LAYERS, threads, rounds, TEXT.tokens, PATCHES];
    const theirs = await attempt(what, by, () => peer!.run(measuredSchema, 'transformers_text.py', ...sizes, dtype));
    if (theirs === undefined) continue;
    addBoth(by, theirs, undefined);
    if (dtype === RATIO_DTYPE) theirBf16 = theirs;
  }
  await withTrueSize(bench, { ...SMALLEST, textLayers: LAYERS, visionLayers: VISION_LAYERS }, async (dir, cache) => {
    for (const precision of precisions) {
      const measure = (count: number) => run(measuredSchema, 'measure-text.ts', dir, cache, precision, threads, count);
      const ours = await attempt(what, precision, async () => {
        await measure(1);
        return measure(rounds);
      });
      if (ours !== undefined) addBoth(precision, ours, theirBf16);
    }
  });
}
