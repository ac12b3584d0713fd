/**
 * True classifier-free guidance, rescaled to the norm of the conditional prediction, token by token.
 * positive, negative [tokens, channels] -> [tokens, channels]. Source: QwenImageEditPlusPipeline.__call__.
 */
export function trueCfg(positive: Float32Array, negative: Float32Array, scale: number, channels: number): Float32Array {
  const out = new Float32Array(positive.length);
  for (let token = 0; token < positive.length; token += channels) {
    let conditional = 0;
    let combined = 0;
    for (let i = token; i < token + channels; i++) {
      const value = Math.fround(negative[i]! + Math.fround(scale * Math.fround(positive[i]! - negative[i]!)));
      out[i] = value;
      conditional += positive[i]! ** 2;
      combined += value * value;
    }
    const rescale = Math.fround(Math.fround(Math.sqrt(conditional)) / Math.fround(Math.sqrt(combined)));
    for (let i = token; i < token + channels; i++) out[i]! *= rescale;
  }
  return out;
}

/** One Euler step in place: x + (next - sigma) · prediction, in fp32. Source: FlowMatchEulerDiscreteScheduler.step. */
export function eulerStep(latents: Float32Array, prediction: Float32Array, sigma: number, next: number): void {
  const dt = Math.fround(next - sigma);
  for (let i = 0; i < latents.length; i++) latents[i]! += Math.fround(dt * prediction[i]!);
}
