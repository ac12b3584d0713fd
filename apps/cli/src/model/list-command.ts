import { realpath } from 'node:fs/promises';
import { bytesText, listModels, type StoredModel } from '@qwen-edit/hub';
import type { ListedPrepared } from '@qwen-edit/pipeline';
import { readFlags } from '../flag-values.ts';
import { weightCacheDir } from './cache-folders.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';
import { missingText, preparedLine, shownPrepared } from './stored-model.ts';

const OPTIONS = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/**
 * `qwen-edit model list`: every model and every LoRA that is on this machine, in the cache and in QWEN_EDIT_2511_DIR, with the weights that were prepared of
 * it; then what was prepared of other folders.
 */
export async function modelListCommand(args: readonly string[], { terminal, configOf }: ModelDeps): Promise<void> {
  const { values } = readFlags(args, OPTIONS);
  const config = configOf();
  const [{ cacheDir }, { listPrepared }] = [await hubSettings(config), await import('@qwen-edit/pipeline')];
  const models = await listModels({ cacheDir }, config.modelDir);
  const prepared = await listPrepared(weightCacheDir(config));
  const taken = new Set<ListedPrepared>();
  for (const model of models) {
    const dir = await realpath(model.dir).catch(() => model.dir);
    const own = prepared.filter(({ source }) => source === dir);
    for (const each of own) taken.add(each);
    if (values.json === true) terminal.out(`${JSON.stringify(shown(model, own))}\n`);
    else terminal.out(textOf(model) + own.map(preparedLine).join(''));
  }
  const others = prepared.filter((each) => !taken.has(each));
  if (values.json === true) return printOthers(others, terminal);
  if (models.length === 0) terminal.out(`There is no model in ${cacheDir}. \`qwen-edit model pull\` downloads one.\n`);
  for (const source of new Set(others.map((each) => each.source))) {
    const own = others.filter((each) => each.source === source);
    terminal.out(`${own[0]?.model}  of another folder\n  ${source}\n${own.map(preparedLine).join('')}`);
  }
}

/** A line for each folder that is no listed model. */
function printOthers(others: readonly ListedPrepared[], terminal: ModelDeps['terminal']): void {
  for (const dir of new Set(others.map(({ source }) => source))) {
    const prepared = others.filter(({ source }) => source === dir).map(listed);
    const nothing = {
      repo: null,
      revisions: [],
      commit: null,
      bytes: 0,
      whole: false,
      missing: [],
      downloading: false,
    };
    terminal.out(`${JSON.stringify({ ...nothing, dir, prepared })}\n`);
  }
}

function shown({ missing, ...model }: StoredModel, prepared: readonly ListedPrepared[]) {
  const { repo, revisions, commit, dir, loras, bytes, downloading } = model;
  const whole = missing.length === 0;
  const known = { repo, revisions, commit, dir, ...(loras && { loras }), bytes };
  return { ...known, whole, missing, downloading, prepared: prepared.map(listed) };
}

/** What --json tells of prepared weights. */
const listed = (each: ListedPrepared) => ({ ...shownPrepared(each), used: each.used });

function textOf({ repo, revisions, commit, dir, loras, bytes, missing, downloading }: StoredModel): string {
  const name = `${repo ?? 'a folder of your own'}  ${[...revisions, commit?.slice(0, 12)].filter(Boolean).join(' ')}`;
  const whole = loras === undefined ? 'whole' : `${loras.length} LoRA${loras.length === 1 ? '' : 's'}`;
  const state = missing.length === 0 ? whole : `not whole: ${missingText(missing)}`;
  return `${name.trimEnd()}  ${bytesText(bytes)}  ${downloading ? 'being downloaded' : state}\n  ${dir}\n${(loras ?? []).map((lora) => `  ${repo ?? dir}:${lora}\n`).join('')}`;
}
