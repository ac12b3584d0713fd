import { AppError } from '@qwen-edit/contract';
import { checkRevision, type ModelRef, parseModelRef, parsePulled } from '@qwen-edit/hub';
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
  return withRevision(parseModelRef(text), text, revision);
}

/** The same for `model pull`, which also takes one file of a repository of LoRAs. */
export function wantedPull(
  said: string | undefined,
  revision: string | undefined,
  config: Pick<Config, 'model'>,
): { readonly ref: ModelRef; readonly file: string | undefined } {
  const text = said ?? config.model ?? USUAL;
  const { ref, file } = parsePulled(text);
  return { ref: withRevision(ref, text, revision), file };
}

function withRevision(ref: ModelRef, text: string, revision: string | undefined): ModelRef {
  if (revision === undefined) return ref;
  if (text.includes('@')) throw new AppError('usage', `--revision and ${text} both name a revision.`);
  return { ...ref, revision: checkRevision(revision) };
}
