import { AppError } from '@qwen-edit/contract';

/** Mersenne Twister as torch seeds it: only the low 32 bits of a seed count. Source: at::mt19937. */
function createMt19937(seed: bigint): () => number {
  const state = new Uint32Array(624);
  state[0] = Number(BigInt.asUintN(32, seed));
  for (let i = 1; i < 624; i++) {
    const previous = state[i - 1]!;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  let next = 624;
  const twist = (): void => {
    for (let k = 0; k < 624; k++) {
      const y = (state[k]! & 0x80000000) | (state[(k + 1) % 624]! & 0x7fffffff);
      state[k] = state[(k + 397) % 624]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  };
  return () => {
    if (next >= 624) twist();
    let y = state[next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

const f = Math.fround;
const TWO_PI = f(2 * Math.PI);
const BLOCK = 16;

/**
 * torch.randn(count) of a CPU generator with this seed, fp32: Box-Muller on blocks of 16 uniforms; if the last block is
 * not whole, the last 16 numbers are drawn again, as torch does. Differs from torch by at most 3 ulp (4.8e-7), because its
 * vector log, sin and cos do. Throws AppError `invalid_parameter` below 16 numbers, which torch draws in another way.
 * Source: ATen's normal_fill.
 */
export function randn(count: number, seed: bigint): Float32Array {
  if (count < BLOCK)
    throw new AppError('invalid_parameter', `The output is too small: ${count} latents, at least ${BLOCK} are needed.`);
  const random = createMt19937(seed);
  const out = new Float32Array(count);
  const uniforms = (from: number, to: number): void => {
    for (let i = from; i < to; i++) out[i] = (random() & 0xffffff) * 2 ** -24;
  };
  uniforms(0, count);
  for (let block = 0; block + BLOCK <= count; block += BLOCK) boxMuller(out, block);
  if (count % BLOCK !== 0) {
    uniforms(count - BLOCK, count);
    boxMuller(out, count - BLOCK);
  }
  return out;
}

/** Turns the 16 uniforms at `block` into normal numbers. */
function boxMuller(out: Float32Array, block: number): void {
  for (let j = block; j < block + BLOCK / 2; j++) {
    const radius = f(Math.sqrt(f(-2 * f(Math.log(f(1 - out[j]!))))));
    const theta = f(TWO_PI * out[j + BLOCK / 2]!);
    out[j] = f(radius * f(Math.cos(theta)));
    out[j + BLOCK / 2] = f(radius * f(Math.sin(theta)));
  }
}
