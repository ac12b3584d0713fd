import { beforeAll, describe, expect, it } from 'vitest';
import { typedNodes } from '../support/element-types.ts';
import { readOnnx } from '../support/read-onnx.ts';
import { everyGraph, everyModel, everyWay, type ModelParts } from './every-graph.ts';
import { cudaKernels, describeNode, hasKernel } from './kernels/kernel-table.ts';

let models: readonly ModelParts[] = [];
beforeAll(async () => {
  models = await everyModel();
});

describe('every operator of every graph has a CUDA kernel for its version and types', () => {
  it.each(everyWay('cuda'))('$label', ({ device, precision }) => {
    const without = new Set<string>();
    const operators = new Set<string>();
    for (const model of models)
      for (const bytes of everyGraph(model, device, precision).values()) {
        const graph = readOnnx(bytes);
        expect(graph.opset).toBe(cudaKernels.opset);
        for (const node of typedNodes(graph)) {
          operators.add(node.node.op);
          if (!hasKernel(cudaKernels, node)) without.add(describeNode(node));
        }
      }
    expect([...without]).toEqual([]);
    expect(operators.size).toBeGreaterThan(20);
  });
});

describe('the table tells what CUDA has no kernel for', () => {
  const node = (op: string, inputs: readonly string[], domain = '') => ({
    node: { op, domain, inputs: inputs.map(String), outputs: ['y'], ints: new Map<string, number>() },
    inputs,
  });
  it.each([
    ['an operator that it does not have', node('Det', ['float'])],
    [
      'products of unsigned with signed 8-bit numbers',
      node('MatMulIntegerToFloat', ['uint8', 'int8'], 'com.microsoft'),
    ],
    ['a convolution in bf16 at this opset', node('Conv', ['bfloat16', 'bfloat16'])],
    ['two types where one is meant', node('MatMul', ['float', 'float16'])],
    ["ONNX's name in another domain", node('MatMulNBits', ['float', 'uint8', 'float'])],
  ])('%s', (_, typed) => {
    expect(hasKernel(cudaKernels, typed)).toBe(false);
  });

  it('and what it has', () => {
    expect(hasKernel(cudaKernels, node('MatMulNBits', ['bfloat16', 'uint8', 'bfloat16'], 'com.microsoft'))).toBe(true);
    expect(hasKernel(cudaKernels, node('Concat', ['float', 'float', 'float', 'float']))).toBe(true);
  });
});
