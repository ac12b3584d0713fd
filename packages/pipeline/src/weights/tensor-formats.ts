import { AppError } from '@qwen-edit/contract';
import { FULL_PRECISION, WHOLE_FOLDER } from './remedies.ts';

/** A tensor as far as its format shows in it. */
export interface NamedTensor {
  readonly name: string;
  readonly dtype: string;
}

/** A way of storing weights that is recognised by how tensors are called, or by their types, and is not supported. */
interface Format {
  readonly is: (tensor: NamedTensor) => boolean;
  readonly label: string;
  readonly hint: string;
}

/** The first that fits counts: the marks of one format may come with the types of another. */
const FORMATS: readonly Format[] = [
  {
    is: ({ name }) => /(^|\.)(lora_(A|B|up|down)|lokr_w[12](_[ab])?|hada_w[12]_[ab]|dora_scale)(\.|$)/.test(name),
    label: 'a LoRA, which changes a model and is none itself',
    hint: WHOLE_FOLDER,
  },
  {
    is: ({ name }) => /\.(quant_state\.bitsandbytes__\w+|absmax|nested_absmax|quant_map)$/.test(name),
    label: '4-bit weights of bitsandbytes (nf4 or fp4)',
    hint: FULL_PRECISION,
  },
  { is: ({ name }) => name.endsWith('.SCB'), label: '8-bit weights of bitsandbytes', hint: FULL_PRECISION },
  {
    is: ({ name }) => /\.(qweight|wscales|wzeros|qzeros)$/.test(name),
    label: 'quantised weights of SVDQuant (nunchaku), AWQ or GPTQ',
    hint: FULL_PRECISION,
  },
  {
    is: ({ name }) => name === 'scaled_fp8' || /\.(scale_weight|weight_scale)$/.test(name),
    label: 'scaled fp8 weights',
    hint: FULL_PRECISION,
  },
  { is: ({ dtype }) => dtype.startsWith('F8_'), label: 'fp8 weights', hint: FULL_PRECISION },
  {
    is: ({ name }) => name.startsWith('model.diffusion_model.'),
    label: 'a checkpoint of ComfyUI in a single file',
    hint: WHOLE_FOLDER,
  },
];

/**
 * AppError `model_unsupported` if the tensors of the file `file` are stored in a way that is known and not supported, naming
 * the first tensor that shows it.
 */
export function foreignTensors(tensors: Iterable<NamedTensor>, file: string): AppError | undefined {
  const all = [...tensors];
  for (const { is, label, hint } of FORMATS) {
    const found = all.find(is);
    if (found !== undefined)
      return new AppError('model_unsupported', `${file} holds ${label}: ${found.name} is ${found.dtype}.`, { hint });
  }
  return undefined;
}

/** What a single safetensors file is, if no folder stands around it. */
export function soleFile(tensors: readonly NamedTensor[], file: string): AppError {
  const foreign = foreignTensors(tensors, file);
  if (foreign !== undefined) return foreign;
  const part = PARTS.find(({ is }) => tensors.some(({ name }) => is.test(name)))?.label ?? 'weights';
  return new AppError('model_unsupported', `${file} is a single file, with ${part}. A model is a whole folder.`, {
    hint: WHOLE_FOLDER,
  });
}

const PARTS = [
  { is: /^transformer_blocks\./, label: 'the transformer alone' },
  { is: /^(model\.|visual\.)/, label: 'the text encoder alone' },
  { is: /^(decoder|encoder)\./, label: 'the VAE alone' },
] as const;
