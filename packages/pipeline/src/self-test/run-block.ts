import type { FloatArray } from '../arrays.ts';
import { deviceNamed } from '../engine/devices.ts';
import type { OpenedModel } from '../engine/model.ts';
import { precisionNamed } from '../engine/precision.ts';
import { anglesInputs, transformerAngles } from '../engine/rope.ts';
import type { EngineContext } from '../engine/segment-chain.ts';
import { loadTransformerBlock } from '../engine/transformer.ts';
import { MODULATED, modulationInput } from '../graphs/transformer.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import { randn } from '../sampling/noise.ts';
import { selfTestBounds } from './bounds.ts';
import { figureOf } from './figure.ts';
import { driftText, type OnTesting, type SelfTestPart } from './run-golden-edit.ts';

/** The first block has all widths and head sizes of the others. */
const BLOCK = 0;
/** Together far more than the 16 tokens up to which some wrong attention is right. */
const TEXT_TOKENS = 16;
const GRID = { rows: 8, columns: 8 } as const;

/**
 * Computes one block of a checkpoint's transformer on its device and in its precision, and in fp32 on the processor, from the same made-up
 * inputs: it has the true widths and head sizes, which the golden edit's small checkpoint has not. What is compared is what the block
 * adds to its inputs. Both are loaded for this and released after it: of the rest of the checkpoint nothing is read. Gives no figures
 * for fp32 on the processor, which would be compared with itself.
 */
export async function runBlock(
  { folder, context }: OpenedModel,
  onTesting: OnTesting = () => undefined,
): Promise<SelfTestPart> {
  const reference: EngineContext = {
    device: deviceNamed(),
    precision: precisionNamed(),
    ...{ threads: context.threads, root: folder.root, pause: context.pause },
  };
  if (isSame(context, reference)) return { figures: [] };
  const { config, weights } = folder.transformer;
  const inputs = blockInputs(config);
  const added = async (where: EngineContext): Promise<Readonly<Record<string, Float32Array>>> => {
    const chain = await loadTransformerBlock(where, config, weights, BLOCK);
    try {
      const out = await chain.run(inputs);
      return Object.fromEntries(MODULATED.map((stream) => [stream, difference(out[stream], inputs[stream])]));
    } finally {
      await chain.release();
    }
  };
  const tell = (done: number): void => onTesting('a block of the checkpoint', done, 2);
  tell(0);
  const golden = await added(reference);
  tell(1);
  const found = await added(context);
  tell(2);
  const bound = selfTestBounds(context.precision.name, context.device.blockInputs).block;
  const figures = MODULATED.map((stream) => {
    const known = { name: `block_${stream}`, what: `a block of ${folder.name}, ${stream} tokens`, bound };
    return figureOf(known, found[stream] ?? [], golden[stream] ?? []);
  });
  const wrong = figures.find(({ ok }) => !ok);
  const where = `${context.device.key} in ${context.precision.name}`;
  return { figures, reason: wrong && `On ${where} ${driftText(wrong, 'fp32 on the processor')}` };
}

function isSame(a: EngineContext, b: EngineContext): boolean {
  const key = ({ device, precision }: EngineContext): string => `${device.key} ${device.kernels} ${precision.name}`;
  return key(a) === key(b);
}

/** Channels of a stream that are far larger than the others, as trained ones have them, and how large they are. */
const MASSIVE = [50, -50, 300] as const;

function blockInputs(c: TransformerConfig): Readonly<Record<string, FloatArray>> {
  const d = c.num_attention_heads * c.attention_head_dim;
  const tokens = GRID.rows * GRID.columns;
  let seed = 0n;
  const normal = (count: number, scale: number, mean = 0): Float32Array =>
    randn(count, ++seed).map((value) => mean + scale * value);
  const stream = (rows: number): FloatArray => {
    const data = normal(rows * d, 1);
    for (const [i, value] of MASSIVE.entries()) {
      const channel = Math.floor((d * (2 * i + 1)) / (2 * MASSIVE.length));
      // The largest ones are those of single tokens.
      const last = Math.abs(value) > 100 ? 1 : rows;
      for (let row = 0; row < last; row++) data[row * d + channel] = value;
    }
    return { data, dims: [rows, d] };
  };
  /** Shift, scale and gate, of the attention and of the MLP. */
  const modulation = (): FloatArray => {
    const parts = [0, 0, 0.5, 0, 0, 0.5].map((mean) => normal(d, 0.3, mean));
    const data = new Float32Array(6 * d);
    for (const [i, part] of parts.entries()) data.set(part, i * d);
    return { data, dims: [1, 6 * d] };
  };
  return {
    target: stream(tokens),
    reference: stream(tokens),
    text: stream(TEXT_TOKENS),
    ...Object.fromEntries(MODULATED.map((name) => [modulationInput(name, BLOCK), modulation()])),
    ...anglesInputs(transformerAngles(TEXT_TOKENS, [GRID, GRID], c.axes_dims_rope)),
  };
}

function difference(out: FloatArray | undefined, input: FloatArray | undefined): Float32Array {
  return (out?.data ?? new Float32Array()).map((value, i) => value - (input?.data[i] ?? 0));
}
