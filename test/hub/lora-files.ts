/** The bytes of a safetensors file with these tensors of fp32, all zero. Nothing here runs them. */
export function safetensorsOf(names: readonly string[], values = 16): Buffer {
  const bytes = 4 * values;
  const entries = names.map((name, i) => [
    name,
    { dtype: 'F32', shape: [values], data_offsets: [i * bytes, (i + 1) * bytes] },
  ]);
  const json = Buffer.from(JSON.stringify({ ...Object.fromEntries(entries), __metadata__: { format: 'pt' } }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(names.length * bytes)]);
}

/** A LoRA as far as its names tell. */
export const loraBytes = (values?: number): Buffer =>
  safetensorsOf(
    ['lora_A', 'lora_B'].map((part) => `transformer_blocks.0.attn.to_q.${part}.weight`),
    values,
  );

/** Layers of a model, which no LoRA has. */
export const modelBytes = (values?: number): Buffer => safetensorsOf(['transformer_blocks.0.attn.to_q.weight'], values);
