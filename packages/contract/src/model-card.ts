import { z } from 'zod';

/** What PostgreSQL can keep (see refuseUnstorable): cards travel through a worker's row. */
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((said) => !said.includes('\0') && said.isWellFormed(), 'must be well-formed Unicode without NUL');

/** What people read comes in each of these languages. */
export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

export const inBothLanguages = z.object({ en: text(2000), zh: text(2000) });
const prompts = z.array(text(500)).min(1).max(20);

/** A kind of edit that a model knows, with prompts that it understands. */
export const editKindSchema = z.object({
  kind: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'must be lower case letters, digits and _'),
  /** Pictures that it takes. */
  pictures: z.int().min(1).default(1),
  title: inBothLanguages,
  /** The name of the LoRA without which the model does not know it. */
  lora: z.string().max(64).optional(),
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
