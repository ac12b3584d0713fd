import { z } from 'zod';

/** What PostgreSQL can keep (see refuseUnstorable): cards travel through a worker's row. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((said) => !said.includes('\0') && said.isWellFormed(), 'must be well-formed Unicode without NUL');

const inBothLanguages = z.object({ en: text(2000), zh: text(2000) });
const prompts = z.array(text(500)).min(1).max(20);

/** A kind of edit that a model knows, with prompts that it understands. */
export const editKindSchema = z.object({
  kind: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower case letters, digits and _'),
  /** Pictures that it takes. */
  pictures: z.int().min(1).default(1),
  title: inBothLanguages,
  description: inBothLanguages.optional(),
  prompts: z.object({ en: prompts, zh: prompts }),
});
export type EditKind = z.output<typeof editKindSchema>;

/** model_card.json of a model folder: what people are told about the model. It has no effect on pictures. */
export const modelCardSchema = z.object({
  name: text(200),
  /** True for a model that shows how things work rather than doing them well. */
  demo: z.boolean().default(false),
  /** One sentence. */
  summary: inBothLanguages.optional(),
  licence: text(200).optional(),
  /** For a demo model: how to get the model that it stands for. */
  full_model: inBothLanguages.optional(),
  edits: z
    .array(editKindSchema)
    .max(100)
    .refine((edits) => new Set(edits.map(({ kind }) => kind)).size === edits.length, 'must not hold a kind twice')
    .default([]),
});
export type ModelCard = z.output<typeof modelCardSchema>;

/** A model of live workers, as GET /v1/models shows it. What only a card tells is null or empty where there is none. */
export const modelSchema = z.object({
  id: z.string(),
  object: z.literal('model'),
  digest: z.string().nullable(),
  demo: z.boolean(),
  summary: inBothLanguages.nullable(),
  licence: z.string().nullable(),
  full_model: inBothLanguages.nullable(),
  edits: z.array(editKindSchema),
  /** True where one of its workers is. */
  ready: z.boolean(),
  workers: z.int(),
  devices: z.array(z.string()),
  defaults: z.record(z.string(), z.unknown()),
  limits: z.object({ min_inference_steps: z.number(), size_multiple: z.number().nullable() }),
  output_image_size: z.number().nullable(),
});
export type Model = z.output<typeof modelSchema>;

export const modelListSchema = z.object({
  data: z.array(modelSchema),
  defaults: z.record(z.string(), z.unknown()),
  limits: z.record(z.string(), z.unknown()),
});
export type ModelList = z.output<typeof modelListSchema>;
