import { z } from 'zod';

/** Bounds of what a request may ask for. A scale of 1 is the strength with which a LoRA was trained. */
export const LORA_LIMITS = { count: 8, scale: { min: -4, max: 4 } } as const;

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/i;
const REPO = /^[a-z0-9][a-z0-9._-]{0,95}\/[a-z0-9][a-z0-9._-]{0,95}$/i;
const NAME_RULE = 'must be a name of letters, digits, dots, _ and -';
const REPO_RULE = 'must be a repository of the hub, as owner/name';
const { min, max } = LORA_LIMITS.scale;

const place = z.string('must be a text').min(1, 'must not be empty').max(4096, 'must have at most 4096 characters');

/** A name under which the model, or whoever runs the service, offers a LoRA. */
export const loraNameSchema = z.string('must be a text').regex(NAME, NAME_RULE);

const fieldsSchema = z.strictObject({
  name: loraNameSchema.optional(),
  /** Of a safetensors file where the worker runs, below a folder that it allows. */
  path: place.optional(),
  /** A repository of the hub that was pulled. */
  repo: z.string('must be a text').regex(REPO, REPO_RULE).optional(),
  /** Which file of the repository, if it has several. */
  file: place.optional(),
  scale: z.number('must be a number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`).default(1),
});

/**
 * A LoRA and how strong it is: one of `name`, `path` and `repo` says which. As a text it is what the command takes, `PLACE@SCALE`: see
 * loraOfText.
 */
export const loraSchema = z.preprocess(
  (value) => (typeof value === 'string' ? loraOfText(value) : value),
  fieldsSchema
    .refine(
      ({ name, path, repo }) => [name, path, repo].filter((said) => said !== undefined).length === 1,
      'must have one of name, path and repo',
    )
    .refine(({ repo, file }) => file === undefined || repo !== undefined, 'must have a repo where it has a file'),
);
export type LoraRef = Readonly<z.output<typeof fieldsSchema>>;

/** The LoRAs of an edit, in the order in which they are added; a text has one or more, with commas between them. */
export const loraListSchema = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').filter((part) => part.trim() !== '') : value),
  z.array(loraSchema, 'must be a list').max(LORA_LIMITS.count, `must have at most ${LORA_LIMITS.count} LoRAs`),
);

/**
 * Reads `PLACE` or `PLACE@SCALE`. A place that ends with .safetensors, or that begins as a path does, is a path; `owner/name` a repository,
 * `owner/name:file` a file of it; anything else a name.
 *
 * @example
 * loraOfText('lightx2v/Qwen-Image-Edit-2511-Lightning@0.8') // { repo: 'lightx2v/Qwen-Image-Edit-2511-Lightning', scale: 0.8 }
 */
export function loraOfText(text: string): Readonly<Record<string, unknown>> {
  const [, whole = '', said] = /^(.*?)(?:@([^@/]*))?$/s.exec(text.trim()) ?? [];
  // What is no number is refused with the scale's own words.
  const scale = said === undefined ? {} : { scale: said.trim() === '' ? Number.NaN : Number(said) };
  const [, repo, file] = /^([^/:\s]+\/[^/:\s]+)(?::(.+))?$/.exec(whole) ?? [];
  if (repo !== undefined && file !== undefined) return { repo, file, ...scale };
  if (/^(?:[./~]|[a-z]:[\\/])|\.safetensors$/i.test(whole)) return { path: whole, ...scale };
  return repo === undefined ? { name: whole, ...scale } : { repo, ...scale };
}

/** What people read of a LoRA: its name, or where it lies. Without its scale. */
export function loraLabel({ name, path, repo, file }: Omit<LoraRef, 'scale'>): string {
  if (repo !== undefined) return file === undefined ? repo : `${repo}:${file}`;
  return name ?? path ?? '';
}
