import { conditionImage, patchify } from '../src/image/preprocess.ts';
import { loadForBench, secondsBetween } from './load-for-bench.ts';
import { memoryUse } from './memory.ts';
import { median, TEXT } from './shape.ts';

/**
 * Measures the text encoder of the model folder `dir`, alone in this process: seconds of the vision tower for one picture and of
 * the language model for the picture and a prompt, those of the layers apart from what stands around them. The first call warms
 * up. Prints JSON.
 */
const [dir = '', weightCacheDir = '', precision = 'fp32', threads = '1', rounds = '3'] = process.argv.slice(2);
const { model, timed } = await loadForBench(dir, { precision, threads: Number(threads), weightCacheDir });
const { textEncoder, folder } = model;

const side = 512;
const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + Math.floor(i / (3 * side)) * 3) % 256);
const patches = patchify(conditionImage({ data, width: side, height: side }, TEXT.area), folder.processor);
const pictureTokens = (patches.rows * patches.columns) / textEncoder.mergeSize ** 2;
const words = TEXT.tokens - pictureTokens;
const imageStarts = [Math.floor(words / 2)];
const ids = Array.from({ length: TEXT.tokens }, (_, i) => 10 + (i % 100));

const times: Record<'vision_s' | 'vision_rest_s' | 'language_s' | 'language_rest_s', number[]> = {
  vision_s: [],
  vision_rest_s: [],
  language_s: [],
  language_rest_s: [],
};
for (let round = 0; round <= Number(rounds); round++) {
  const image = await textEncoder.encodeImage(patches);
  const vision = await timed(() => textEncoder.encodeImage(patches));
  const language = await timed(() => textEncoder.encodePrompt({ ids, imageStarts }, [image], [patches]));
  if (round === 0) continue;
  times.vision_s.push(secondsBetween(vision, 1, -2));
  times.vision_rest_s.push(secondsBetween(vision, 0, 1) + secondsBetween(vision, -2, -1));
  times.language_s.push(secondsBetween(language, 1, -1));
  times.language_rest_s.push(secondsBetween(language, 0, 1));
}
const medians = Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
console.log(JSON.stringify({ ...medians, memory: memoryUse() }));
