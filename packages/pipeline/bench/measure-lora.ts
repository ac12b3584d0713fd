import { join } from 'node:path';
import { loadForBench } from './load-for-bench.ts';
import { madeUpCall } from './made-up-call.ts';
import { memoryUse } from './memory.ts';
import { createRandomWeights } from './random-weights.ts';
import { median } from './shape.ts';

/**
 * Measures LoRAs on the transformer of the model folder `dir`, alone in this process: seconds a block without one and with one of `rank` in
 * every linear layer of the blocks, and what a switch costs: reading a file that was not read before, loading graphs with branches the first
 * time, between two LoRAs that were read, and back to the model alone. A switch is what a step takes longer that comes after one. Two LoRAs are written into `folder`. Prints JSON.
 */
const [
  dir = '',
  weightCacheDir = '',
  folder = '',
  precision = 'fp32',
  threads = '1',
  rounds = '5',
  rank = '64',
  ...sizes
] = process.argv.slice(2);
const [side = 32, text = 200] = sizes.map(Number);
const LAYERS = [
  'to_q',
  'to_k',
  'to_v',
  'to_out.0',
  'add_q_proj',
  'add_k_proj',
  'add_v_proj',
  'to_add_out',
  'net.0.proj',
  'net.2',
];

const { model } = await loadForBench(dir, { precision, threads: Number(threads), weightCacheDir });
const { transformer, useLoras } = model;
const { num_layers } = model.folder.transformer.config;
const targets = [...transformer.targets].filter(([name]) => LAYERS.some((layer) => name.endsWith(`.${layer}`)));
const random = createRandomWeights('BF16');
const files = ['a', 'b'].map((name) => {
  const path = join(folder, `lora-${name}.safetensors`);
  const tensors = targets.flatMap(([layer, [n, k]]): [string, number[]][] => [
    [`transformer.${layer}.lora_A.weight`, [Number(rank), k]],
    [`transformer.${layer}.lora_B.weight`, [n, Number(rank)]],
  ]);
  random.write(path, new Map(tensors));
  return { label: name, path, scale: 0.5 };
});

const call = await madeUpCall(transformer, model.folder.transformer.config, { side, text });
await transformer.chain.hold({ held: Number.POSITIVE_INFINITY, stays: true, prepacks: true });

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};
const step = (): Promise<number> => seconds(() => transformer.predict(call));
/** The median of some steps after a first one. */
const steady = async (): Promise<number> => {
  const all: number[] = [];
  for (let i = 0; i < Number(rounds); i++) all.push(await step());
  return median(all);
};
/** What a switch and the first step after it take, above a step. */
const switched = async (to: readonly (typeof files)[number][], usual: number): Promise<number> =>
  (await seconds(async () => {
    await useLoras(to);
    await transformer.predict(call);
  })) - usual;

await step();
const plain = await steady();
const [a, b] = files;
const reading = await seconds(() => useLoras([a!]));
const first = await step();
const withLora = await steady();
await useLoras([b!]);
await step();
const between = median([
  await switched([a!], withLora),
  await switched([b!], withLora),
  await switched([a!], withLora),
]);
const back = median([await switched([], plain), await alternate(), await alternate()]);

async function alternate(): Promise<number> {
  await useLoras([a!]);
  await step();
  return switched([], plain);
}

console.log(
  JSON.stringify({
    ...{ layers: num_layers, plain_s: plain / num_layers, lora_s: withLora / num_layers },
    ...{
      opening_s: Math.max(0, first - withLora) / num_layers,
      reading_s: reading / num_layers,
      between_s: between / num_layers,
      back_s: back / num_layers,
    },
    memory: memoryUse(),
  }),
);
