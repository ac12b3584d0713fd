import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../check.ts';
import { type Finding, findingOf, noteFinding, okFinding } from '../finding.ts';
import { hubModelName } from '../hub-cache.ts';
import { weightsOf } from '../model-files.ts';
import { gibText } from '../sizes.ts';

/** Where Hugging Face's tools keep what they have begun to download into a local folder. */
const UNFINISHED = '.cache/huggingface/download';

/** The model folder: whether it is whole, by its configurations, its indexes, and the sizes and headers of its weights. */
export const checkModel: Check = async (deps, signal) => {
  const dir = deps.modelDir;
  if (dir === undefined) {
    return [
      noteFinding(
        `${hubModelName(deps)} of QWEN_EDIT_MODEL is not on this machine.`,
        'Download it first: 57 GB, which has to be free. Or set QWEN_EDIT_2511_DIR to a folder that holds it.',
      ),
    ];
  }
  const findings: Finding[] = [];
  for (const { code, file, message, hint } of await deps.verifyModel(dir, { depth: 'headers', signal })) {
    const where = file === null || message.includes(file) ? '' : `${file}: `;
    findings.push({ status: 'problem', code, message: `${where}${message}`, remedy: hint });
  }
  try {
    const { name, demo, digest } = await deps.inspectModel(dir);
    const weights = await weightsOf(dir);
    const bytes = weights.reduce((sum, each) => sum + each.bytes, 0);
    findings.push(
      okFinding(`${name} in ${dir}: ${gibText(bytes)} of weights in ${weights.length} files, ${digest.slice(0, 19)}`),
    );
    if (demo)
      findings.push(
        noteFinding(
          'This is the demo model: it knows a few edits, and shows how everything works.',
          'For the real one set QWEN_EDIT_2511_DIR, or --model, to a folder with Qwen-Image-Edit-2511 (57 GB).',
        ),
      );
  } catch (thrown) {
    // What keeps it from being loaded is mostly among what was found.
    if (findings.length === 0) findings.push(findingOf(thrown));
  }
  const unfinished = await unfinishedIn(join(dir, UNFINISHED));
  if (unfinished > 0)
    findings.push(
      noteFinding(
        `${unfinished} downloads into ${dir} were begun and not finished.`,
        'Download the model again: what is there is kept.',
      ),
    );
  return findings;
};

async function unfinishedIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.incomplete')).length;
}
