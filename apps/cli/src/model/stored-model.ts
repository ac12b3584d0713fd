import { bytesText, listModels, type StoredModel } from '@qwen-edit/hub';
import type { ListedPrepared, StoredPrepared } from '@qwen-edit/pipeline';
import type { ChosenModel } from './choose-model.ts';

/** What is there of a model, whole or not; undefined if nothing is. Asks the disk alone. */
export async function findStored(
  chosen: ChosenModel,
  hub: { readonly cacheDir: string },
): Promise<StoredModel | undefined> {
  const localDir = chosen.kind === 'folder' ? chosen.dir : chosen.localDir;
  const models = await listModels(hub, localDir);
  if (localDir !== undefined) return models.find(({ dir }) => dir === localDir);
  if (chosen.kind === 'folder') return undefined;
  const { repo, revision } = chosen.ref;
  const own = models.filter((model) => model.repo === repo);
  return (
    own.find(({ revisions, commit }) => commit === revision || revisions.includes(revision)) ??
    // A commit gets its name when it is whole.
    own.find(({ revisions, missing }) => revisions.length === 0 && missing.length > 0)
  );
}

const MOST_NAMES = 3;

/** `vae/config.json is missing`; of many files three are named, and the others counted. */
export function missingText(missing: readonly string[]): string {
  const names = missing.slice(0, MOST_NAMES).join(', ');
  const more = missing.length > MOST_NAMES ? ` and ${missing.length - MOST_NAMES} more` : '';
  return `${names}${more} ${missing.length === 1 ? 'is' : 'are'} missing`;
}

/** What --json tells of prepared weights. */
export function shownPrepared({ precision, folder, bytes, made, segments, preparing, ...rest }: StoredPrepared) {
  const { processor, runtime, loras } = rest;
  const merged = loras === undefined ? {} : { loras };
  return { precision, folder, bytes, whole: made >= segments, preparing, processor, runtime, ...merged };
}

/** `w8a8  33.7 GB  whole`, and where. */
export function preparedLine({
  precision,
  bytes,
  made,
  segments,
  preparing,
  folder,
  used,
  loras,
}: ListedPrepared): string {
  const part = `${made} of ${segments} parts`;
  const state = preparing ? `being prepared: ${part}` : made >= segments ? 'whole' : `not whole: ${part}`;
  const whose = used ? '' : ', not used here: of another processor or version';
  const merged = loras === undefined ? '' : ` with ${loras.join(', ')}`;
  return `  prepared for ${precision}${merged}  ${bytesText(bytes)}  ${state}${whose}\n    ${folder}\n`;
}
