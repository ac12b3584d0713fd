import { askCommit } from './list-files.ts';
import { isCommit, type ModelRef } from './model-ref.ts';
import type { HubSettings } from './settings.ts';
import { TIMING } from './timing.ts';

const ANSWER_MS = 5000;

/**
 * Asks the hub for a model once, to learn if a download could begin. Throws AppError `hub_unreachable`, also without an answer within
 * 5 s, `hub_refused`, `model_gated`, `model_unknown`, or `canceled`.
 */
export async function askHub(ref: ModelRef, settings: HubSettings, signal: AbortSignal): Promise<void> {
  const timing = { ...TIMING, stallMs: ANSWER_MS };
  // Of a commit there is nothing to ask; every model has a branch main.
  const asked = isCommit(ref.revision) ? { ...ref, revision: 'main' } : ref;
  await askCommit({ ref: asked, settings, timing, signal, tries: 1 });
}
