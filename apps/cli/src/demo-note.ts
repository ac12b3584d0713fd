import { type Job, knownEdits, type ModelCard } from '@qwen-edit/contract';
import { z } from 'zod';

/** A model as a loaded pipeline tells of it. */
export interface NotedModel {
  readonly demo: boolean;
  readonly card?: ModelCard | undefined;
}

const SUMMARY = 'This is a demo model: its edits are not those of the real one.';
const FULL_MODEL =
  'For the real model set QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511, which is downloaded at the start, or QWEN_EDIT_2511_DIR to its folder.';

/**
 * A line to say wherever a demo model's results show, so that nobody takes them for the real model's: that it is one, which
 * edits and prompts it knows, how to get the real one. undefined for a model that is none.
 */
export function demoNote({ demo, card }: NotedModel): string | undefined {
  if (!demo) return undefined;
  const facts = [card?.summary?.en ?? SUMMARY, knownEdits(card), card?.full_model?.en ?? FULL_MODEL];
  return `note: ${facts.filter((fact) => fact !== undefined).join(' ')}`;
}

const demoReceiptSchema = z.object({ model: z.object({ demo: z.literal(true) }) });

/** The same of a job that has its results; the service tells the rest. undefined where no demo model made them. */
export function demoJobNote({ receipt, urls }: Pick<Job, 'receipt' | 'urls'>): string | undefined {
  if (!demoReceiptSchema.safeParse(receipt).success) return undefined;
  const models = URL.parse('/v1/models', urls.get)?.href ?? '/v1/models';
  return `note: edited by a demo model; ${models} lists the prompts that it knows, and how to get the real one.`;
}
