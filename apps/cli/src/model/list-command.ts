import { bytesText, listModels, type StoredModel } from '@qwen-edit/hub';
import { readFlags } from '../flag-values.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';
import { missingText } from './stored-model.ts';

const OPTIONS = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** `qwen-edit model list`: every model that is on this machine, in the cache and in QWEN_EDIT_2511_DIR. */
export async function modelListCommand(args: readonly string[], { terminal, configOf }: ModelDeps): Promise<void> {
  const { values } = readFlags(args, OPTIONS);
  const config = configOf();
  const { cacheDir } = await hubSettings(config);
  const models = await listModels({ cacheDir }, config.modelDir);
  if (values.json === true) {
    for (const model of models) terminal.out(`${JSON.stringify(shown(model))}\n`);
    return;
  }
  if (models.length === 0) terminal.out(`There is no model in ${cacheDir}. \`qwen-edit model pull\` downloads one.\n`);
  for (const model of models) terminal.out(textOf(model));
}

function shown({ repo, revisions, commit, dir, bytes, missing, downloading }: StoredModel) {
  return { repo, revisions, commit, dir, bytes, whole: missing.length === 0, missing, downloading };
}

function textOf({ repo, revisions, commit, dir, bytes, missing, downloading }: StoredModel): string {
  const name = `${repo ?? 'a folder of your own'}  ${[...revisions, commit?.slice(0, 12)].filter(Boolean).join(' ')}`;
  const state = missing.length === 0 ? 'whole' : `not whole: ${missingText(missing)}`;
  return `${name.trimEnd()}  ${bytesText(bytes)}  ${downloading ? 'being downloaded' : state}\n  ${dir}\n`;
}
