import { join } from 'node:path';
import { deviceNamed } from '../src/engine/devices.ts';
import { precisionNamed } from '../src/engine/precision.ts';
import { loadTransformer } from '../src/engine/transformer.ts';
import { openWeights } from '../src/weights/open-weights.ts';
import { trueWidth } from './random-transformer.ts';
import { median, SHAPE } from './shape.ts';

/** Measures load time, seconds a block and memory of the transformer in `dir`, alone in this process. Prints JSON. */
const [dir = '', layers = '2', threads = '1', rounds = '5', heads = '24'] = process.argv.slice(2);
const config = { ...trueWidth(Number(layers)), num_attention_heads: Number(heads) };
const baseline = process.memoryUsage.rss();
const marks: number[] = [];
const pause = async (): Promise<void> => {
  marks.push(performance.now());
};

const start = performance.now();
const weights = await openWeights(dir, 'diffusion_pytorch_model');
const transformer = await loadTransformer(
  { device: deviceNamed(), precision: precisionNamed(), threads: Number(threads), root: join(dir), pause },
  config,
  weights,
);
const load_s = (performance.now() - start) / 1000;

const picture = { rows: SHAPE.rows, columns: SHAPE.columns };
const matrix = (rows: number, columns: number) => ({
  data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
  dims: [rows, columns],
});
const call = {
  latents: matrix(SHAPE.target, config.in_channels),
  referenceLatents: matrix(SHAPE.reference, config.in_channels),
  conditions: [
    {
      promptEmbeds: matrix(SHAPE.text, config.joint_attention_dim),
      angles: transformer.angles(SHAPE.text, [picture, picture]),
    },
  ],
  modulations: await (await transformer.modulate(Float32Array.of(0.5))).step(0),
};
const blocks: number[] = [];
for (let round = 0; round <= Number(rounds); round++) {
  marks.length = 0;
  await transformer.predict(call);
  // Segments are: embed, one for each block, tail. The first round warms up.
  if (round > 0) for (let i = 1; i <= config.num_layers; i++) blocks.push((marks[i + 1]! - marks[i]!) / 1000);
}
const peak = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ load_s, block_s: median(blocks), best_s: Math.min(...blocks), peak, baseline }));
