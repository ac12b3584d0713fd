import { createHash } from 'node:crypto';

/** Bytes that look random and are always the same. */
function bytesOf(seed: string, length: number): Uint8Array {
  const block = createHash('sha512').update(seed).digest();
  const bytes = Buffer.alloc(length);
  for (let at = 0, i = 0; at < length; at += 64, i++)
    createHash('sha512').update(block).update(String(i)).digest().copy(bytes, at);
  return bytes;
}

const text = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

/** The files of a model in the layout of diffusers, as small as wished. Their weights are noise: nothing here runs them. */
export function smallModel({ shard = 60_000, seed = 'one' } = {}): Record<string, Uint8Array> {
  const shards = ['00001', '00002'].map((n) => `diffusion_pytorch_model-${n}-of-00002.safetensors`);
  return {
    '.gitattributes': Buffer.from('*.safetensors filter=lfs diff=lfs merge=lfs -text\n'),
    'README.md': Buffer.from(`# A small model: ${seed}\n`),
    'model_index.json': text({
      _class_name: 'QwenImageEditPlusPipeline',
      scheduler: ['diffusers', 'FlowMatchEulerDiscreteScheduler'],
      tokenizer: ['transformers', 'Qwen2Tokenizer'],
      transformer: ['diffusers', 'QwenImageTransformer2DModel'],
      vae: ['diffusers', 'AutoencoderKLQwenImage'],
    }),
    'scheduler/scheduler_config.json': text({ _class_name: 'FlowMatchEulerDiscreteScheduler' }),
    'tokenizer/tokenizer_config.json': text({ model_max_length: 131_072 }),
    'tokenizer/merges.txt': bytesOf(`${seed}merges`, 12_000),
    'transformer/config.json': text({ _class_name: 'QwenImageTransformer2DModel', seed }),
    'transformer/diffusion_pytorch_model.safetensors.index.json': text({
      metadata: { total_size: 2 * shard },
      weight_map: { a: shards[0], b: shards[1] },
    }),
    [`transformer/${shards[0]}`]: bytesOf(`${seed}1`, shard),
    [`transformer/${shards[1]}`]: bytesOf(`${seed}2`, Math.floor(shard / 2)),
    'vae/config.json': text({ _class_name: 'AutoencoderKLQwenImage' }),
    'vae/diffusion_pytorch_model.safetensors': bytesOf(`${seed}vae`, Math.floor(shard / 3)),
    'vae/diffusion_pytorch_model.bin': bytesOf(`${seed}bin`, 500),
  };
}
