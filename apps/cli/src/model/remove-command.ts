import { AppError } from '@qwen-edit/contract';
import { bytesText, planRemoval, type Removal, removeModel } from '@qwen-edit/hub';
import { readFlags } from '../flag-values.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';
import { wantedModel } from './wanted-model.ts';

const OPTIONS = {
  revision: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `qwen-edit model remove REPO`: of a revision its commit, without one all commits. Errors as of removeModel, and `usage`. */
export async function removeCommand(args: readonly string[], deps: ModelDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const [name] = words;
  const { terminal, confirm, signal } = deps;
  if (name === undefined)
    throw new AppError('usage', 'The name of the model is missing, as Qwen/Qwen-Image-Edit-2511.');
  const config = deps.configOf();
  const settings = await hubSettings(config);
  const { repo, revision } = wantedModel(name, values.revision, config);
  const isNamed = values.revision !== undefined || name.includes('@');
  const ref = { repo, revision: isNamed ? revision : undefined };

  const plan = await planRemoval(ref.repo, ref.revision, settings);
  const what = `${repo}${isNamed ? `@${revision}` : ''}`;
  if (values.yes !== true) {
    if (confirm === undefined)
      throw new AppError('usage', 'Nobody can be asked whether to remove the model.', {
        hint: `Add --yes to remove ${what} (${bytesText(plan.bytes)}).`,
      });
    if (!(await confirm(`Remove ${what}, ${bytesText(plan.bytes)}?`))) return terminal.err('Nothing was removed.\n');
  }
  const removal = await removeModel(ref, settings, { signal });
  terminal.out(values.json === true ? jsonOf(repo, removal) : textOf(what, removal));
}

function jsonOf(repo: string, { commits, bytes, sharedBytes }: Removal): string {
  return `${JSON.stringify({ removed: { repo, commits, bytes, shared_bytes: sharedBytes } })}\n`;
}

function textOf(what: string, { bytes, sharedBytes }: Removal): string {
  const shared =
    sharedBytes === 0
      ? ''
      : ` ${bytesText(sharedBytes)} lie in the store of Python's huggingface_hub: \`hf cache prune\` frees them.`;
  return `Removed ${what}: ${bytesText(bytes)} are free again.${shared}\n`;
}
