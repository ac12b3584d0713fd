import { toAppError } from '@qwen-edit/contract';
import { type Device, deviceNamed } from '../engine/devices.ts';
import { createGraphSession, type GraphSession } from '../engine/session.ts';
import { type AttentionForm, fusedAttention } from '../onnx/attention.ts';
import type { SelfTestFigure } from '../types.ts';
import { figureOf } from './figure.ts';
import { ATTENTION, OPERATOR_PROBES, type OperatorProbe } from './operators.ts';
import { type Arithmetic, buildProbe } from './probe-graph.ts';
import type { OnTesting } from './run-golden-edit.ts';

/**
 * How close an operator has to come to fp32, in dB. In fp32 right kernels have 90 dB and more, and the wrong ones that are known less
 * than 40. In fp16 and bf16, numbers are rounded to 11 and 8 bits, which leaves 66 and 48 dB of them.
 */
const BOUNDS: Readonly<Record<Arithmetic, number>> = { fp32: 80, fp16: 50, bf16: 32 };

/** What half precision is used for: all else computes in fp32 in every precision. */
const HALVED: ReadonlySet<string> = new Set(['Gemm', 'MatMul', 'Softmax', ATTENTION]);

export interface OperatorTest {
  readonly device: Device;
  readonly threads: number;
  /** In which arithmetic the device computes products and attention: that of the precision. */
  readonly arithmetic: Arithmetic;
  /** Called before each operator. */
  readonly pause: () => Promise<void>;
  readonly onTesting?: OnTesting;
  /** Default: all. */
  readonly probes?: readonly OperatorProbe[];
}

/** The arithmetic of a precision. */
export function arithmeticOf(precision: string): Arithmetic {
  return precision === 'fp16' || precision === 'bf16' ? precision : 'fp32';
}

/**
 * Computes each operator of our graphs by itself, on the device and in fp32 on the processor. None for the processor itself, unless it
 * has other kernels than those. An operator that the device cannot compute has the figure 0 and ONNX Runtime's words.
 */
export async function runOperators(test: OperatorTest): Promise<readonly SelfTestFigure[]> {
  const reference = deviceNamed();
  const { device, arithmetic, threads, onTesting, probes = OPERATOR_PROBES } = test;
  if (device.key === reference.key && device.kernels === reference.kernels) return [];
  const figures: SelfTestFigure[] = [];
  const open: GraphSession[] = [];
  try {
    for (const [i, probe] of probes.entries()) {
      await test.pause();
      onTesting?.(`operator ${probe.operator}`, i, probes.length);
      const own = HALVED.has(probe.operator) ? arithmetic : 'fp32';
      const known = { name: nameOf(probe, device.attention), what: probe.on, bound: BOUNDS[own] };
      const golden = await compute(probe, { device: reference, arithmetic: 'fp32', threads }, []);
      try {
        figures.push(figureOf(known, await compute(probe, { device, arithmetic: own, threads }, open), golden));
      } catch (thrown) {
        const { code, message } = toAppError(thrown);
        if (code !== 'engine_failed') throw thrown;
        figures.push({ ...known, decibels: 0, cosine: 0, ok: false, error: message });
      }
    }
  } finally {
    for (const session of open) await session.release();
  }
  onTesting?.('operators', probes.length, probes.length);
  return figures;
}

function nameOf({ operator }: OperatorProbe, attention: AttentionForm): string {
  return operator === ATTENTION && attention !== fusedAttention ? 'attention by MatMul and Softmax' : operator;
}

/**
 * All outputs, one after the other. The first session stays in `open`: what a graphics driver has compiled for one probe is kept for the
 * others as long as a session is open.
 */
async function compute(
  probe: OperatorProbe,
  { device, arithmetic, threads }: Pick<OperatorTest, 'device' | 'arithmetic' | 'threads'>,
  open: GraphSession[],
): Promise<Float32Array> {
  const { graph, feeds } = buildProbe(probe.build, { attention: device.attention, arithmetic });
  const session = await createGraphSession(graph, { device, threads, root: '/' });
  const isFirst = open.length === 0 && device.ownMemory;
  if (isFirst) open.push(session);
  try {
    const outputs = await session.run(feeds);
    return Float32Array.from(Object.values(outputs).flatMap(({ data }) => [...data]));
  } finally {
    if (!isFirst) await session.release();
  }
}
