import { AppError } from '@qwen-edit/contract';
import { bytesText, expectedFiles } from '@qwen-edit/hub';
import { refText } from '@qwen-edit/hub/model-ref';
import { type ChosenHubModel, explainMissing } from '../../model/choose-model.ts';
import { findStored, missingText } from '../../model/stored-model.ts';
import type { Check, DoctorDeps } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding, problemFinding } from '../finding.ts';
import { weightsOf } from '../model-files.ts';
import { gibText } from '../sizes.ts';

/** The model: whether it is here and whole, by its configurations, its indexes, and the sizes and headers of its weights. */
export const checkModel: Check = async (deps, signal) => {
  const { chosen, modelDir } = deps;
  if (modelDir === undefined) return chosen.kind === 'hub' ? [await notWhole(deps, chosen)] : [];
  const findings: Finding[] = [];
  const expected = await expectedFiles(modelDir);
  for (const { code, file, message, hint } of await deps.verifyModel(modelDir, {
    depth: 'headers',
    expected,
    signal,
  })) {
    const where = file === null || message.includes(file) ? '' : `${file}: `;
    const error = await explainMissing(new AppError(code, `${where}${message}`, { hint }), chosen);
    findings.push(findingOf(error));
  }
  try {
    const { name, demo, digest } = await deps.inspectModel(modelDir);
    const weights = await weightsOf(modelDir);
    const bytes = weights.reduce((sum, each) => sum + each.bytes, 0);
    const facts = `${gibText(bytes)} of weights in ${weights.length} files, ${digest.slice(0, 19)}`;
    findings.push(okFinding(`${name} in ${modelDir}: ${facts}`));
    if (demo) findings.push(DEMO);
  } catch (thrown) {
    // What keeps it from being loaded is mostly among what was found.
    if (findings.length === 0) findings.push(findingOf(thrown));
  }
  return [...findings, ...(await begunDownload(deps))];
};

const DEMO = noteFinding(
  'This is the demo model: it knows a few edits, and shows how everything works.',
  'For the real one run `qwen-edit model pull` (57.7 GB) and set QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511; a service with this setting also downloads it by itself. Of a copy that you have, set QWEN_EDIT_2511_DIR to its folder.',
);

/** Of a model of the hub, what is here of it and how to get the rest. */
async function notWhole({ hub }: DoctorDeps, chosen: ChosenHubModel): Promise<Finding> {
  const name = refText(chosen.ref);
  const pull = `qwen-edit model pull ${name}`;
  const self = chosen.from === 'QWEN_EDIT_MODEL' ? ' A service does the same at its start.' : '';
  const stored = await findStored(chosen, hub);
  if (stored === undefined)
    return noteFinding(
      `${name} is not in ${chosen.localDir ?? `the cache ${hub.cacheDir}`}.`,
      `Run \`${pull}\`, which downloads it.${self}`,
    );
  const { repo, dir, bytes, missing, downloading } = stored;
  if (repo !== null && repo !== chosen.ref.repo)
    return problemFinding(`${dir} is the folder of ${repo}, and QWEN_EDIT_MODEL names ${name}.`, {
      remedy: `Set QWEN_EDIT_2511_DIR to another folder for ${name}, or unset it to use the cache.`,
    });
  if (downloading) return beingDownloaded(name, bytes);
  const what = missing.length === 0 ? 'it is of another revision' : missingText(missing);
  return noteFinding(
    `${name} is not whole in ${dir}: ${what}; ${bytesText(bytes)} are there.`,
    `Run \`${pull}\`, which downloads what is missing.${self}`,
  );
}

/** A download into the model's folder that has not ended; verify names the files. */
async function begunDownload({ chosen, hub }: DoctorDeps): Promise<Finding[]> {
  if (chosen.kind !== 'folder' || chosen.from === 'demo') return [];
  const stored = await findStored(chosen, hub);
  if (stored === undefined || stored.repo === null || stored.missing.length === 0) return [];
  const { repo, dir, bytes, missing, downloading } = stored;
  if (downloading) return [beingDownloaded(repo, bytes)];
  return [
    noteFinding(
      `A download of ${repo} into ${dir} has not ended: ${missingText(missing)}; ${bytesText(bytes)} are there.`,
      `Run \`QWEN_EDIT_2511_DIR=${dir} qwen-edit model pull ${repo}\`, which goes on from there.`,
    ),
  ];
}

const beingDownloaded = (name: string, bytes: number): Finding =>
  noteFinding(
    `${name} is being downloaded: ${bytesText(bytes)} are there.`,
    'Wait for it; `qwen-edit model list` tells how far it is.',
  );
