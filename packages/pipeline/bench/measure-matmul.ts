import { deviceNamed } from '../src/engine/devices.ts';
import { createGraphSession } from '../src/engine/session.ts';
import { createGraph } from '../src/onnx/graph.ts';
import { median, PRODUCTS } from './shape.ts';

/** Measures plain matrix products of a block's sizes on ONNX Runtime, alone in this process. Prints JSON. */
const [threads = '1', rounds = '3'] = process.argv.slice(2);
const filled = (rows: number, columns: number) => ({
  data: new Float32Array(rows * columns).map((_, i) => (i % 101) / 101),
  dims: [rows, columns],
});
let seconds = 0;
for (const [m, n, k, times] of PRODUCTS) {
  const g = createGraph('matmul');
  const a = g.input('a', [m, k]);
  const b = g.input('b', [k, n]);
  g.output('c', g.op('MatMul', [a, b]), [m, n]);
  const session = await createGraphSession(g, {
    device: deviceNamed(),
    threads: Number(threads),
    root: '.',
    foldConstants: true,
  });
  const feeds = { a: filled(m, k), b: filled(k, n) };
  await session.run(feeds);
  const runs: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const start = performance.now();
    await session.run(feeds);
    runs.push((performance.now() - start) / 1000);
  }
  seconds += times * median(runs);
  await session.release();
}
console.log(JSON.stringify({ seconds }));
