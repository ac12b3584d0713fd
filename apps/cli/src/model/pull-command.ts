import { toAppError } from '@qwen-edit/contract';
import { bytesText, type PulledModel, pullModel } from '@qwen-edit/hub';
import { readFlags } from '../flag-values.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';
import { createPullReport } from './pull-report.ts';
import { wantedPull } from './wanted-model.ts';

const OPTIONS = {
  revision: { type: 'string' },
  include: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `qwen-edit model pull`: a model, or LoRAs. Errors as of pullModel, and `usage`. */
export async function pullCommand(args: readonly string[], deps: ModelDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const config = deps.configOf();
  const { ref, file } = wantedPull(words[0], values.revision, config);
  const settings = await hubSettings(config);
  const { terminal, signal } = deps;
  const json = values.json === true;
  const report = createPullReport({ terminal, json, now: deps.now, color: !config.noColor, ref });
  try {
    const pulled = await pullModel(ref, settings, {
      localDir: config.modelDir,
      include: values.include,
      file,
      signal,
      onProgress: report.onProgress,
    });
    report.end();
    terminal.out(json ? doneLine(pulled) : doneText(ref.repo, pulled));
  } catch (thrown) {
    report.end();
    if (toAppError(thrown).code === 'canceled' && signal.aborted)
      terminal.err('Stopped. What has arrived is kept: the same command goes on from there.\n');
    throw thrown;
  }
}

function doneLine({ dir, loras, commit, files, bytes, downloaded, verified, leftOut }: PulledModel): string {
  return `${JSON.stringify({
    event: 'done',
    ...{ dir, commit, files, bytes },
    ...(loras && { loras }),
    ...{ downloaded_files: verified, downloaded_bytes: downloaded, verified: verified === files, left_out: leftOut },
  })}\n`;
}

function doneText(repo: string, { dir, loras, commit, files, bytes, verified, leftOut }: PulledModel): string {
  const all = `${files} ${loras === undefined ? 'file' : 'LoRA'}${files === 1 ? '' : 's'}, ${bytesText(bytes)}`;
  const how =
    verified === 0
      ? 'all of them were there already'
      : verified === files
        ? 'verified'
        : `${verified} downloaded now and verified, the others were there`;
  const lines = [dir, `${repo} at ${commit.slice(0, 12) || 'an unknown commit'}: ${all}, ${how}.`];
  // As `--lora` and `lora` of a request take it.
  for (const lora of loras ?? []) lines.push(`  ${repo}:${lora}`);
  if (leftOut.length > 0)
    lines.push(`--include left ${leftOut.length} files of the model out, as ${leftOut[0]}: the folder is not whole.`);
  return `${lines.join('\n')}\n`;
}
