import { AppError } from '@qwen-edit/contract';
import type { ModelFinding, StoredPrepared, VerifyProgress } from '@qwen-edit/pipeline';
import { readFlags } from '../flag-values.ts';
import { VERIFY_HELP } from '../help.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { weightCacheDir } from './cache-folders.ts';
import { chooseModel, requireChosen } from './choose-model.ts';
import type { HubConfig } from './hub-settings.ts';
import { shownPrepared } from './stored-model.ts';
import { findingsText, preparedText, renderVerify, wholeText } from './verify-report.ts';

export interface VerifyDeps {
  readonly terminal: Terminal;
  readonly configOf: () => Pick<Config, 'model' | 'modelDir' | 'noColor' | 'weightCacheDir' | 'userCacheDir'> &
    HubConfig;
  /** The folder of the model that is verified if nothing names another. */
  readonly demoModelDir: string;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

const OPTIONS = {
  quick: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;
const REDRAW_MS = 100;

/**
 * `qwen-edit model verify [REPO|DIR] [--quick] [--json]`: lists everything that is wrong with a model folder, and with the weights that were prepared of it.
 * Throws AppError with the code of the first finding if there is one, `model_not_found` for a model that is not there, and `canceled`.
 */
export async function verifyCommand(args: readonly string[], deps: VerifyDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const { terminal, signal } = deps;
  if (values.help === true) return terminal.out(VERIFY_HELP);
  const dir = await folderOf(words[0], deps);
  const [{ verifyModel, verifyPrepared }, { expectedFiles }] = await Promise.all([
    import('@qwen-edit/pipeline'),
    import('@qwen-edit/hub'),
  ]);
  const bar = createBar(deps);
  const findings = [
    ...(await verifyModel(dir, {
      depth: values.quick === true ? 'headers' : 'contents',
      expected: await expectedFiles(dir),
      signal,
      onProgress: bar.onProgress,
    }).finally(bar.clear)),
  ];
  let prepared: readonly StoredPrepared[] = [];
  if (values.quick !== true && findings.length === 0) {
    const report = await verifyPrepared(dir, weightCacheDir(deps.configOf()), {
      signal,
      onFile: bar.onFile,
    }).finally(bar.clear);
    prepared = report.prepared;
    findings.push(...report.findings);
  }

  const facts = { dir, quick: values.quick === true, findings, prepared: prepared.map(shownPrepared) };
  if (values.json === true) terminal.out(`${JSON.stringify(facts)}\n`);
  else if (findings.length > 0) terminal.out(findingsText(findings));
  else terminal.out(wholeText(dir, bar.last()) + prepared.map(preparedText).join(''));
  if (findings.length > 0) throw failureOf(dir, findings);
}

/** Throws AppError `model_not_found` for a model of the hub that is not whole here: what is missing of it, a pull fetches. */
async function folderOf(said: string | undefined, { configOf, demoModelDir }: VerifyDeps): Promise<string> {
  const config = configOf();
  const { hubSettings } = await import('./hub-settings.ts');
  const chosen = await chooseModel({ flag: said, config, demoModelDir });
  return requireChosen(chosen, await hubSettings(config));
}

function failureOf(dir: string, findings: readonly ModelFinding[]): AppError {
  const [first] = findings;
  const count = findings.length === 1 ? 'One thing is' : `${findings.length} things are`;
  return new AppError(first?.code ?? 'model_corrupt', `${count} wrong with ${dir}.`, {
    hint: 'Do what is said beneath each finding, then verify it again.',
  });
}

/** A line on standard error while files are read, if that is a terminal. */
function createBar({ terminal, configOf, now }: VerifyDeps) {
  let last: VerifyProgress | undefined;
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    last: () => last,
    onProgress: (progress: VerifyProgress): void => {
      last = progress;
      if (!terminal.errIsTty || now() - drawn < REDRAW_MS) return;
      drawn = now();
      const style = { columns: terminal.columns(), color: !configOf().noColor };
      terminal.err(`\r${renderVerify(progress, style)}\u001b[K`);
    },
    onFile: (path: string): void => {
      // A line as wide as the terminal would wrap.
      if (terminal.errIsTty)
        terminal.err(`\r${`reading ${path}`.slice(0, Math.max(0, terminal.columns() - 1))}\u001b[K`);
    },
    clear: (): void => {
      if (terminal.errIsTty && last !== undefined) terminal.err('\r\u001b[K');
    },
  };
}
