import { AppError } from '@qwen-edit/contract';
import { checkRevision, type ModelRef, parseModelRef } from '@qwen-edit/hub';
import type { Config } from '../config.ts';

/** The model that all of this is about. */
const USUAL = 'Qwen/Qwen-Image-Edit-2511';

/** The model that a command line names, else that of QWEN_EDIT_MODEL, else the usual one. Throws AppError `usage`. */
export function wantedModel(
  said: string | undefined,
  revision: string | undefined,
  config: Pick<Config, 'model'>,
): ModelRef {
  const text = said ?? config.model ?? USUAL;
  const ref = parseModelRef(text);
  if (revision === undefined) return ref;
  if (text.includes('@')) throw new AppError('usage', `--revision and ${text} both name a revision.`);
  return { ...ref, revision: checkRevision(revision) };
}
