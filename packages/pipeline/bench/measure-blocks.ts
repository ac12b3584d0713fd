import { loadForBench, secondsBetween } from './load-for-bench.ts';
import { madeUpCall } from './made-up-call.ts';
import { memoryUse } from './memory.ts';
import { median } from './shape.ts';

/**
 * Measures the transformer of the model folder `dir`, alone in this process: seconds a block, of what stands before and behind
 * the blocks, and from the start of the process until the first block was through. The first call warms up, unless it is the only
 * one (0 rounds). Prints JSON.
 */
const [dir = '', weightCacheDir = '', precision = 'fp32', threads = '1', rounds = '5', ...sizes] =
  process.argv.slice(2);
const [side = 32, text = 200] = sizes.map(Number);

const start = performance.now();
const { model, timed } = await loadForBench(dir, { precision, threads: Number(threads), weightCacheDir });
const load_s = (performance.now() - start) / 1000;

const { num_layers } = model.folder.transformer.config;
const call = await madeUpCall(model.transformer, model.folder.transformer.config, { side, text });
// As in the steps of an edit that fits into memory.
await model.transformer.chain.hold({ held: Number.POSITIVE_INFINITY, stays: true, prepacks: true });
const blocks: number[] = [];
const around: number[] = [];
let first_block_s = Number.NaN;
for (let round = 0; round <= Number(rounds); round++) {
  const marks = await timed(() => model.transformer.predict(call));
  // The last segment is the tail, the ones before it are the blocks; what stands before them may be more than one.
  const first = -2 - num_layers;
  if (round === 0) first_block_s = (marks.at(first + 1) ?? Number.NaN) / 1000;
  if (round === 0 && rounds !== '0') continue;
  for (let i = 0; i < num_layers; i++) blocks.push(secondsBetween(marks, first + i, first + i + 1));
  around.push(secondsBetween(marks, 0, first) + secondsBetween(marks, -2, -1));
}
console.log(
  JSON.stringify({
    ...{ load_s, first_block_s, block_s: median(blocks), around_s: median(around) },
    memory: memoryUse(),
  }),
);
