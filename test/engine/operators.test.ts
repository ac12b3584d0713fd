import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deviceNamed } from '../../packages/pipeline/src/engine/devices.ts';
import type { AttentionForm } from '../../packages/pipeline/src/onnx/attention.ts';
import { OPERATOR_PROBES } from '../../packages/pipeline/src/self-test/operators.ts';
import { runOperators } from '../../packages/pipeline/src/self-test/run-operators.ts';

const SOURCES = join(import.meta.dirname, '../../packages/pipeline/src');

/** Operators that compute on the processor in every graph, or only in the int8 form, which no other device has. */
const OTHERS = new Set([
  ...['Shape', 'Identity'],
  ...['DequantizeLinear', 'MatMulIntegerToFloat', 'QuantizeLinear'],
  ...['ScatterElements', 'TopK', 'Cast'],
]);

it('every operator of our graphs that a device computes is probed', async () => {
  const folders = await Promise.all(
    ['onnx', 'graphs'].map(async (folder) =>
      (await readdir(join(SOURCES, folder))).map((file) => join(SOURCES, folder, file)),
    ),
  );
  const texts = await Promise.all(folders.flat().map((path) => readFile(path, 'utf8')));
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/\.ops?\(\s*'(\w+)'/g)].map(([, name = '']) => name)));
  const probed = new Set(OPERATOR_PROBES.map(({ operator }) => operator));
  expect([...used].filter((name) => !probed.has(name) && !OTHERS.has(name))).toEqual([]);
  expect(used.size).toBeGreaterThan(25);
});

const run = (attention?: AttentionForm) => {
  const device = deviceNamed('cpu', 'safe');
  const tested = attention === undefined ? device : { ...device, attention };
  const probes =
    attention === undefined ? OPERATOR_PROBES : OPERATOR_PROBES.filter(({ on }) => on.includes('heads of'));
  return runOperators({ device: tested, threads: 1, arithmetic: 'fp32', probes, pause: async () => undefined });
};

it('the processor has nothing to be compared with', async () => {
  const device = deviceNamed();
  expect(await runOperators({ device, threads: 1, arithmetic: 'fp32', pause: async () => undefined })).toEqual([]);
});

it('right kernels have 100 dB or more in each', async () => {
  const figures = await run();
  expect(figures).toHaveLength(OPERATOR_PROBES.length);
  for (const { decibels } of figures) expect(decibels).toBeGreaterThan(100);
  expect(new Set(figures.map(({ name, what }) => `${name} ${what}`)).size).toBe(figures.length);
});

it('an operator that is wrong is found, and no other; one that cannot run has the figure 0 and says why', async () => {
  const { attention } = deviceNamed('cpu', 'safe');
  const wrong: AttentionForm = (g, qkv, heads, options) => {
    const y = attention(g, qkv, heads, options);
    return options.causal === true ? g.op('Mul', [y, g.floats([1.01], [1])]) : y;
  };
  const bad = (await run(wrong)).filter(({ ok }) => !ok);
  expect(bad).toHaveLength(3);
  for (const { what, decibels } of bad) {
    expect(what).toContain('causal');
    expect(decibels).toBeCloseTo(40, 0);
  }
  const impossible: AttentionForm = (g, [q]) => g.op('MatMul', [q, g.floats([2], [1, 1])]);
  const [first] = (await run(impossible)).filter(({ ok }) => !ok);
  expect(first).toMatchObject({ decibels: 0, error: expect.stringContaining('ONNX Runtime') });
});
