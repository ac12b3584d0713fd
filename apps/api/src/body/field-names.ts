import { type AppError, isParameterName, jobOptionsSchema, PARAMETER_NAMES, unknownField } from '@qwen-edit/contract';

/** Short names of parameters. */
export const ALIASES: ReadonlyMap<string, string> = new Map([['steps', 'num_inference_steps']]);

export const nameOfAlias = (name: string): string => ALIASES.get(name) ?? name;

/** True for a name of a field, or for one of its aliases; `images` is none, its pictures are no values. */
export const isFieldName = (name: string): boolean =>
  isParameterName(nameOfAlias(name)) || Object.hasOwn(jobOptionsSchema.shape, name) || name === 'output_path';

/** What every submission may say. */
const KNOWN: readonly string[] = [
  'images',
  ...PARAMETER_NAMES,
  ...ALIASES.keys(),
  ...Object.keys(jobOptionsSchema.shape),
];

/** Names that other services have for our fields, and that are too far from ours to be typing errors. */
const MEANT: ReadonlyMap<string, string> = new Map([
  ...['file', 'files', 'photo', 'photos', 'picture', 'pictures', 'input', 'init_image', 'input_image', 'source'].map(
    (name) => [name, 'images'] as const,
  ),
  ...['image_url', 'image_urls', 'image_base64', 'image_b64', 'url', 'urls'].map((name) => [name, 'images'] as const),
  ...['text', 'instruction', 'description', 'edit_prompt'].map((name) => [name, 'prompt'] as const),
  ...['negative', 'negativeprompt'].map((name) => [name, 'negative_prompt'] as const),
  ...['inference_steps', 'num_steps', 'sampling_steps', 'ddim_steps'].map((name) => [name, 'steps'] as const),
  ...['cfg', 'cfg_scale', 'true_cfg', 'guidance'].map((name) => [name, 'true_cfg_scale'] as const),
  ...['n', 'num_images', 'num_outputs', 'batch_size'].map((name) => [name, 'num_images_per_prompt'] as const),
  ...['format', 'response_format', 'image_format'].map((name) => [name, 'output_format'] as const),
  ...['image_size', 'resolution', 'dimensions', 'output_size'].map((name) => [name, 'size'] as const),
  ...['area', 'pixels', 'megapixels', 'target_area'].map((name) => [name, 'output_area'] as const),
  ...['draft', 'draft_mode', 'mode', 'profile', 'quality'].map((name) => [name, 'preset'] as const),
  ...['loras', 'lora_name', 'lora_path', 'lora_repo', 'lora_scale', 'lora_weight', 'lora_weights', 'lora_file'].map(
    (name) => [name, 'lora'] as const,
  ),
  ...['adapter', 'adapters', 'adapter_name', 'network', 'networks'].map((name) => [name, 'lora'] as const),
  ...['speed_mode', 'cache', 'step_cache', 'step_caching', 'caching', 'acceleration'].map(
    (name) => [name, 'speed'] as const,
  ),
  ...['webhook', 'callback_url', 'callback'].map((name) => [name, 'webhook_url'] as const),
]);

export interface UnknownNameFacts {
  /** Names that are taken only here. */
  readonly more?: readonly string[];
  /** True for a file of a form: whatever its name, it is meant as a picture. */
  readonly isFile?: boolean;
}

/** The error of a field or part that a submission does not have, with the name that was most likely meant. */
export function unknownName(name: string, { more = [], isFile = false }: UnknownNameFacts = {}): AppError {
  const meant = MEANT.get(name.toLowerCase().replace(/\[\]$/, '').replaceAll('-', '_'));
  // A known name may be unknown in this place; it is then no help.
  const known = [...KNOWN, ...more].filter((each) => each !== name);
  return unknownField(name.slice(0, 100), known, isFile ? 'images' : meant);
}
