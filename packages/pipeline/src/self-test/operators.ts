import { channelsFirst, channelsLast, doubledConvolution } from '../graphs/convolution.ts';
import { winogradConvolution } from '../graphs/winograd.ts';
import type { AttentionOptions } from '../onnx/attention.ts';
import type { Value } from '../onnx/graph.ts';
import { concat, layerNorm, rmsNorm, rope, silu, sliceRows } from '../onnx/layers.ts';
import type { ProbeGraph } from './probe-graph.ts';

/** One operator as our graphs use it, small. */
export interface OperatorProbe {
  /** Its name in ONNX, or what several together compute. */
  readonly operator: string;
  /** The shape and the attributes on which it is tried, in words. */
  readonly on: string;
  readonly build: (p: ProbeGraph) => readonly Value[];
}

/** The operator of probes in the device's form of attention, which may be another one. */
export const ATTENTION = 'MultiHeadAttention';

type Build = (p: ProbeGraph) => Value | readonly Value[];

const probe = (operator: string, on: string, build: Build): OperatorProbe => ({
  operator,
  on,
  build: (p) => {
    const made = build(p);
    return 'name' in made ? [made] : made;
  },
});

const EPS = 1e-6;

/** Tokens up to 16, above them, and above 128: kernels have other paths for each. */
const LENGTHS = [8, 40, 130] as const;

const products: readonly OperatorProbe[] = [
  ...(
    [
      [40, 96, 128],
      [130, 1176, 80],
      [1, 256, 3072],
      [17, 3072, 64],
    ] as const
  ).map(([rows, k, n]) =>
    probe('Gemm', `[${rows}, ${k}] · [${n}, ${k}]ᵀ, bias`, (p) =>
      p.graph.op('Gemm', [p.input([rows, k]), p.weight([n, k], k), p.weight([n])], { transB: 1 }),
    ),
  ),
  probe('Gemm', '[40, 96] · [64, 96]ᵀ', (p) =>
    p.graph.op('Gemm', [p.input([40, 96]), p.weight([64, 96], 96)], { transB: 1 }),
  ),
  ...(
    [
      [2, 40, 32, 40],
      [3, 130, 128, 130],
      [36, 6, 192, 192],
      [1, 4, 37, 300],
    ] as const
  ).map(([batch, m, k, n]) =>
    probe('MatMul', `${batch} of [${m}, ${k}] · [${k}, ${n}]`, (p) =>
      p.graph.op('MatMul', [p.input([batch, m, k]), p.input([batch, k, n])]),
    ),
  ),
  ...([4, 8] as const).flatMap((bits) =>
    (
      [
        [40, 256, 96, 128],
        [130, 320, 64, 128],
        [1, 256, 96, 32],
      ] as const
    ).map(([rows, k, n, block]) =>
      probe('MatMulNBits', `${bits} bits in blocks of ${block}, [${rows}, ${k}] · [${n}, ${k}]ᵀ`, (p) =>
        blockProduct(p, bits, [rows, k, n, block]),
      ),
    ),
  ),
];

/** In fp32 on both sides: the activations are not in 8 bits here, as they are on the processor in an edit. */
function blockProduct(
  p: ProbeGraph,
  bits: 4 | 8,
  [rows, k, n, block]: readonly [number, number, number, number],
): Value {
  const blocks = Math.ceil(k / block);
  const codes = (count: number): number[] => Array.from({ length: count }, (_, i) => (37 * i + (i >> 3) * 11) % 256);
  const data = p.graph.bytes(codes((n * blocks * block * bits) / 8), [n, blocks, (block * bits) / 8]);
  const zeros = bits === 4 ? [p.graph.bytes(codes(n * Math.ceil(blocks / 2)), [n, Math.ceil(blocks / 2)])] : [];
  const inputs = [p.input([rows, k]), data, p.weight([n, blocks], k * 4 ** bits), ...zeros];
  return p.graph.op('MatMulNBits', inputs, { N: n, K: k, bits, block_size: block, accuracy_level: 1 });
}

const norms: readonly OperatorProbe[] = [
  ...[96, 128, 3072].map((d) =>
    probe('LayerNormalization', `40 tokens of ${d} channels`, (p) =>
      layerNorm(p.graph, p.input([40, d]), p.weight([d]), p.weight([d]), EPS),
    ),
  ),
  ...(
    [
      [40, 96],
      [40, 3072],
      [40, 3, 128],
      [1, 9, 11, 36],
    ] as const
  ).map((dims) =>
    probe('SimplifiedLayerNormalization', `[${dims.join(', ')}]`, (p) =>
      rmsNorm(p.graph, p.input(dims), p.weight([dims.at(-1) ?? 0]), EPS),
    ),
  ),
];

const attentions: readonly OperatorProbe[] = [
  ...(
    [
      [128, true],
      [32, true],
      [128, false],
      [80, false],
    ] as const
  ).map(([dim, interleaved]) =>
    probe(
      'RotaryEmbedding',
      `3 heads of ${dim}, ${interleaved ? 'neighbouring channels' : 'halves of a head'}`,
      (p) => {
        const angle = (i: number): number => ((i * 7) % 61) / 10;
        const cos = p.input([40, dim / 2], (i) => Math.cos(angle(i)));
        const sin = p.input([40, dim / 2], (i) => Math.sin(angle(i)));
        return rope(p.graph, p.input([1, 40, 3 * dim]), { cos, sin }, 3, interleaved);
      },
    ),
  ),
  ...LENGTHS.flatMap((length) =>
    (
      [
        [128, 3],
        [32, 4],
      ] as const
    ).map(([dim, heads]) => attentionProbe(`${heads} heads of ${dim}, ${length} tokens`, [1, length, heads, dim])),
  ),
  ...LENGTHS.map((length) =>
    attentionProbe(`causal, 2 heads of 128, ${length} tokens`, [1, length, 2, 128], () => ({ causal: true })),
  ),
  ...LENGTHS.map((length) =>
    attentionProbe(`with a bias, 2 heads of 80, 3 windows of ${length} tokens`, [3, length, 2, 80], (p) => ({
      bias: p.input([3, 1, length, length], (i) => (i % length < length - 3 ? 0 : -60_000)),
    })),
  ),
  attentionProbe('one head of 384, 99 tokens', [1, 99, 1, 384]),
  ...LENGTHS.map((length) =>
    probe('Softmax', `[4, ${length}, ${length}]`, (p) =>
      p.graph.op('Softmax', [p.input([4, length, length])], { axis: -1 }),
    ),
  ),
];

function attentionProbe(
  on: string,
  [batch, length, heads, dim]: readonly [number, number, number, number],
  options: (p: ProbeGraph) => AttentionOptions = () => ({}),
): OperatorProbe {
  return probe(ATTENTION, on, (p) => {
    const dims = [batch, length, heads * dim];
    return p.attention(p.graph, [p.input(dims), p.input(dims), p.input(dims)], { count: heads, dim }, options(p));
  });
}

const elementwise: readonly OperatorProbe[] = [
  probe('FastGelu', '[40, 384]', (p) => p.graph.op('FastGelu', [p.input([40, 384])])),
  probe('QuickGelu', '[40, 384]', (p) => silu(p.graph, p.input([40, 384]))),
  probe('QuickGelu', '[1, 9, 11, 36]', (p) => silu(p.graph, p.input([1, 9, 11, 36]))),
  probe('Gelu', '[40, 384]', (p) => p.graph.op('Gelu', [p.input([40, 384])])),
  probe('Add', '[40, 96] + [96]', (p) => p.graph.op('Add', [p.input([40, 96]), p.weight([96])])),
  probe('Mul', '[40, 96] · [1, 96]', (p) => p.graph.op('Mul', [p.input([40, 96]), p.input([1, 96])])),
  probe('Div', '[2, 40, 33] / 5.7', (p) => p.graph.op('Div', [p.input([2, 40, 33]), p.input([1], () => 5.7)])),
  probe('Neg', '[40, 96]', (p) => p.graph.op('Neg', [p.input([40, 96])])),
  probe('Max', '[1, 1, 96], [1, 1, 96] and [1]', (p) =>
    p.graph.op('Max', [p.input([1, 1, 96]), p.input([1, 1, 96]), p.weight([1])]),
  ),
  ...(['ReduceMax', 'ReduceMin', 'ReduceL2'] as const).map((operator) =>
    probe(operator, 'axis 1 of [1, 40, 96]', (p) =>
      p.graph.op(operator, [p.input([1, 40, 96]), p.graph.ints([1])], { keepdims: 1 }),
    ),
  ),
  probe('Sqrt', '[99]', (p) => p.graph.op('Sqrt', [p.input([99], (i) => i + 0.5)])),
];

const moves: readonly OperatorProbe[] = [
  ...(
    [
      [[1, 6 * 96], 6, 1],
      [[40, 3 * 80], 3, 1],
      [[1, 8, 5, 7], 2, 1],
      [[1, 40, 36], 3, 2],
    ] as const
  ).map(([dims, parts, axis]) =>
    probe('Split', `[${dims.join(', ')}] into ${parts}`, (p) =>
      p.graph.ops('Split', [p.input(dims)], parts, { axis, num_outputs: parts }),
    ),
  ),
  probe('Concat', 'rows of [16, 3, 32] and [64, 3, 32]', (p) =>
    concat(p.graph, [p.input([16, 3, 32]), p.input([64, 3, 32])], 0),
  ),
  probe('Concat', 'channels of [5, 7, 3] and [5, 7, 18]', (p) =>
    concat(p.graph, [p.input([5, 7, 3]), p.input([5, 7, 18])], 2),
  ),
  probe('Slice', 'the rows of [80, 96] from 16 on', (p) => sliceRows(p.graph, p.input([80, 96]), p.graph.ints([16]))),
  probe('Slice', 'rows and columns of [1, 12, 16, 6]', (p) =>
    p.graph.op('Slice', [
      p.input([1, 12, 16, 6]),
      ...[
        [0, 0],
        [9, 11],
        [1, 2],
      ].map((each) => p.graph.ints(each)),
    ]),
  ),
  probe('Gather', 'rows of [40, 96]', (p) =>
    p.graph.op('Gather', [p.input([40, 96]), p.indices([39, 0, 7, 7, 12, 31])], { axis: 0 }),
  ),
  probe('Gather', 'tokens of [1, 40, 96]', (p) =>
    p.graph.op('Gather', [p.input([1, 40, 96]), p.indices([3, 3, 0, 39, 21])], { axis: 1 }),
  ),
  probe('Gather', 'a slice of [8, 6, 3, 3, 3]', (p) =>
    p.graph.op('Gather', [p.input([8, 6, 3, 3, 3]), p.graph.ints([2], [])], { axis: 2 }),
  ),
  probe('Expand', '[1, 40, 2, 1, 32] to 7 of each', (p) =>
    p.graph.op('Expand', [p.input([1, 40, 2, 1, 32]), p.graph.ints([1, 1, 1, 7, 1])]),
  ),
  ...(
    [
      [
        [0, 3, 1, 2],
        [1, 5, 7, 18],
      ],
      [
        [0, 2, 3, 1],
        [1, 18, 5, 7],
      ],
      [
        [0, 2, 1, 3],
        [1, 40, 3, 32],
      ],
      [
        [2, 1, 0],
        [8, 6, 9],
      ],
      [
        [2, 0, 3, 1, 4],
        [4, 4, 3, 2, 6],
      ],
    ] as const
  ).map(([perm, dims]) =>
    probe('Transpose', `[${dims.join(', ')}] by ${perm.join(', ')}`, (p) =>
      p.graph.op('Transpose', [p.input(dims)], { perm }),
    ),
  ),
  probe('Reshape', '[40, 96] to [-1, 3, 32]', (p) => {
    const apart = p.graph.op('Reshape', [p.input([40, 96]), p.graph.ints([-1, 3, 32])]);
    return p.graph.op('Add', [apart, p.weight([32])]);
  }),
  probe('Unsqueeze', '[1, 5, 7, 18]', (p) => {
    const more = p.graph.op('Unsqueeze', [p.input([1, 5, 7, 18]), p.graph.ints([1])]);
    return p.graph.op('Add', [more, p.weight([18])]);
  }),
  probe('Trilu', '[40, 40]', (p) => p.graph.op('Trilu', [p.input([40, 40]), p.graph.ints([1], [])], { upper: 1 })),
];

/** Input and output channels: those of small VAEs, where one kernel was wrong, and of large ones. */
const CHANNELS = [
  ...([
    [3, 18],
    [6, 36],
    [18, 36],
    [36, 18],
    [36, 36],
    [16, 16],
  ] as const),
  ...([
    [3, 96],
    [96, 96],
    [96, 192],
    [96, 3],
  ] as const),
] as const;

const convolutions: readonly OperatorProbe[] = [
  ...CHANNELS.map(([from, to]) =>
    convolution(`3 × 3, ${from} to ${to} channels`, [from, to, 3], { pads: [1, 1, 1, 1] }),
  ),
  ...(
    [
      [6, 36],
      [18, 36],
      [96, 96],
    ] as const
  ).map(([from, to]) =>
    convolution(`3 × 3 in steps of 2, zeros on two sides, ${from} to ${to} channels`, [from, to, 3], {
      strides: [2, 2],
      pads: [0, 0, 1, 1],
    }),
  ),
  ...(
    [
      [16, 32],
      [18, 36],
      [36, 108],
    ] as const
  ).map(([from, to]) => convolution(`1 × 1, ${from} to ${to} channels`, [from, to, 1], {})),
  probe('Conv', '2 × 2 four times, over a picture that is doubled, 36 to 18 channels', (p) =>
    doubledConvolution(p.graph, p.input([1, 9, 11, 36]), p.weight([18, 36, 3, 3], 9 * 36), p.weight([18]), 18),
  ),
  probe('Conv', 'tiles of 6 × 6 by Winograd, 20 to 24 channels', (p) =>
    winogradConvolution(p.graph, p.input([1, 9, 11, 20]), p.weight([9, 20, 24], 9 * 20), p.weight([24]), [24, 20]),
  ),
];

function convolution(
  on: string,
  [from, to, size]: readonly [number, number, number],
  {
    strides = [1, 1],
    pads = [0, 0, 0, 0],
  }: { readonly strides?: readonly number[]; readonly pads?: readonly number[] },
): OperatorProbe {
  return probe('Conv', on, (p) => {
    const kernel = [p.weight([to, from, size, size], from * size * size), p.weight([to])];
    const maps = channelsFirst(p.graph, p.input([1, 9, 11, from]));
    return channelsLast(p.graph, p.graph.op('Conv', [maps, ...kernel], { kernel_shape: [size, size], strides, pads }));
  });
}

/** Every operator that our graphs give to a device, on the shapes and with the attributes that they use. */
export const OPERATOR_PROBES: readonly OperatorProbe[] = [
  ...products,
  ...norms,
  ...attentions,
  ...elementwise,
  ...moves,
  ...convolutions,
];
