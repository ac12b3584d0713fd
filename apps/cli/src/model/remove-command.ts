import { AppError, toAppError } from '@qwen-edit/contract';
import { bytesText, planRemoval, type Removal, removeModel } from '@qwen-edit/hub';
import { readFlags } from '../flag-values.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';
import { preparedOf } from './prepared-of.ts';
import { shownPrepared } from './stored-model.ts';
import { wantedModel } from './wanted-model.ts';

const OPTIONS = {
  revision: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const NOTHING: Removal = { commits: [], bytes: 0, sharedBytes: 0, paths: [] };

/**
 * `qwen-edit model remove REPO|DIR`: of a revision its commit, without one all commits, and the weights that were prepared of them; of a
 * folder only those. Errors as of removeModel and removePrepared, and `usage`.
 */
export async function removeCommand(args: readonly string[], deps: ModelDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const [name] = words;
  const { terminal, confirm, signal } = deps;
  if (name === undefined)
    throw new AppError('usage', 'The name of the model is missing, as Qwen/Qwen-Image-Edit-2511.');
  const config = deps.configOf();
  const [settings, { removePrepared }] = [await hubSettings(config), await import('@qwen-edit/pipeline')];
  const isFolder = /^[./~]/.test(name);
  const ref = isFolder ? undefined : refOf(name, values.revision, config);
  const repo = ref?.repo ?? null;
  const what = ref === undefined ? `what was prepared of ${name}` : ref.text;

  let plan: Removal | undefined;
  let missing: unknown;
  try {
    if (ref !== undefined) plan = await planRemoval(ref.repo, ref.revision, settings);
  } catch (thrown) {
    if (toAppError(thrown).code !== 'model_not_found') throw thrown;
    missing = thrown;
  }
  const prepared = await preparedOf(
    ref === undefined ? { dir: name } : { ...ref, commits: plan?.commits },
    config,
    settings,
  );
  if (plan === undefined && prepared.length === 0)
    throw missing ?? new AppError('model_not_found', `Nothing was prepared of ${name}.`);
  const preparedBytes = prepared.reduce((sum, { bytes }) => sum + bytes, 0);
  const bytes = (plan?.bytes ?? 0) + preparedBytes;
  if (values.yes !== true) {
    if (confirm === undefined)
      throw new AppError('usage', 'Nobody can be asked whether to remove the model.', {
        hint: `Add --yes to remove ${what} (${bytesText(bytes)}).`,
      });
    const also = preparedBytes > 0 && plan !== undefined ? `, ${bytesText(preparedBytes)} of it prepared weights` : '';
    if (!(await confirm(`Remove ${what}, ${bytesText(bytes)}${also}?`))) return terminal.err('Nothing was removed.\n');
  }
  // First what another process may be making: if it is, all stays.
  for (const each of prepared) await removePrepared(each, signal);
  const removal = plan === undefined || ref === undefined ? NOTHING : await removeModel(ref, settings, { signal });
  const facts = {
    ...{ repo, commits: removal.commits, bytes: removal.bytes, shared_bytes: removal.sharedBytes },
    ...{ prepared: prepared.map(shownPrepared), prepared_bytes: preparedBytes },
  };
  terminal.out(values.json === true ? `${JSON.stringify({ removed: facts })}\n` : textOf(what, removal, preparedBytes));
}

function refOf(name: string, said: string | undefined, config: Parameters<typeof wantedModel>[2]) {
  const { repo, revision } = wantedModel(name, said, config);
  const isNamed = said !== undefined || name.includes('@');
  return { repo, revision: isNamed ? revision : undefined, text: `${repo}${isNamed ? `@${revision}` : ''}` };
}

function textOf(what: string, { bytes, sharedBytes }: Removal, preparedBytes: number): string {
  const shared =
    sharedBytes === 0
      ? ''
      : ` ${bytesText(sharedBytes)} lie in the store of Python's huggingface_hub: \`hf cache prune\` frees them.`;
  return `Removed ${what}: ${bytesText(bytes + preparedBytes)} are free again.${shared}\n`;
}
