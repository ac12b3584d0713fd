import type { Kernel } from '../../../packages/pipeline/bench/make-kernel-table.ts';
import { readGoldenJson } from '../../parity/goldens.ts';
import type { TypedNode } from '../../support/element-types.ts';

type KernelTable = { readonly source: string; readonly opset: number } & Readonly<
  Record<'' | 'com.microsoft', readonly Kernel[]>
>;

const published: KernelTable = readGoldenJson(`${import.meta.dirname}/cuda.json`);

const NUMBERS = 'double float float16 int32 int64';
/** What the published list does not have yet, and the library of ONNX Runtime 1.30 has: see cuda-placements.test.ts. */
const NEWER: readonly Kernel[] = [
  ['Identity', 21, null, [['T']], { T: `${NUMBERS} bfloat16` }],
  ['ReduceMax', 20, null, [['T', 'tensor(int64)']], { T: NUMBERS }],
  ['ReduceMin', 20, null, [['T', 'tensor(int64)']], { T: NUMBERS }],
];

export const cudaKernels: KernelTable = { ...published, '': [...published[''], ...NEWER] };

/** `MatMulNBits(bfloat16, uint8, bfloat16)`; what is left out is `-`. */
export const describeNode = ({ node, inputs }: TypedNode): string =>
  `${node.op}(${inputs.map((type) => type ?? '-').join(', ')})`;

/** Whether the table has a kernel for the operator over inputs of these types. */
export function hasKernel(table: KernelTable, { node, inputs }: TypedNode): boolean {
  const kernels = node.domain === 'com.microsoft' ? table['com.microsoft'] : table[''];
  return kernels.some(([op, , , forms, types]) => op === node.op && forms.some((form) => fits(form, types, inputs)));
}

function fits(form: readonly string[], types: Kernel[4], inputs: TypedNode['inputs']): boolean {
  const bound = new Map<string, string>();
  return inputs.every((type, i) => {
    // The last input of an operator may stand for any number, as those of Concat.
    const constraint = form[i] ?? form.at(-1);
    if (type === undefined) return true;
    if (constraint === undefined) return false;
    const fixed = /^tensor\((\w+)\)$/.exec(constraint)?.[1];
    if (fixed !== undefined) return type === fixed;
    if ((bound.get(constraint) ?? type) !== type) return false;
    bound.set(constraint, type);
    const allowed = types[constraint];
    return allowed === undefined || allowed.split(' ').includes(type);
  });
}
