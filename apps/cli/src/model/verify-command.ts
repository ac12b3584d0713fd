import { access } from 'node:fs/promises';
import { AppError } from '@qwen-edit/contract';
import type { ExpectedFile, ModelFinding, VerifyProgress } from '@qwen-edit/pipeline';
import { readFlags } from '../flag-values.ts';
import { VERIFY_HELP } from '../help.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { findingsText, renderVerify, wholeText } from './verify-report.ts';

export interface VerifyDeps {
  readonly terminal: Terminal;
  readonly configOf: () => Pick<Config, 'modelDir' | 'noColor'>;
  /** The folder of the model that is verified if nothing names another. */
  readonly demoModelDir: string;
  /** The folder of a downloaded model by its name on the hub; undefined if it is not there. */
  readonly findModel?: (name: string) => Promise<string | undefined>;
  /** Files of a model folder as the hub lists them; undefined if nobody knows. */
  readonly expectedFiles?: (dir: string) => Promise<ReadonlyMap<string, ExpectedFile> | undefined>;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

const OPTIONS = {
  quick: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;
const HUB_NAME = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/;
const REDRAW_MS = 100;

/**
 * `qwen-edit model verify [REPO|DIR] [--quick] [--json]`: lists everything that is wrong with a model folder. Throws AppError
 * with the code of the first finding if there is one, `model_not_found` for a model that is not there, and `canceled`.
 */
export async function verifyCommand(args: readonly string[], deps: VerifyDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const { terminal, signal } = deps;
  if (values.help === true) return terminal.out(VERIFY_HELP);
  const dir = await folderOf(words[0], deps);
  const { verifyModel } = await import('@qwen-edit/pipeline');
  const bar = createBar(deps);
  const findings = await verifyModel(dir, {
    depth: values.quick === true ? 'headers' : 'contents',
    expected: await deps.expectedFiles?.(dir),
    signal,
    onProgress: bar.onProgress,
  }).finally(bar.clear);

  if (values.json === true) terminal.out(`${JSON.stringify({ dir, quick: values.quick === true, findings })}\n`);
  else terminal.out(findings.length === 0 ? wholeText(dir, bar.last()) : findingsText(findings));
  if (findings.length > 0) throw failureOf(dir, findings);
}

/** A folder that is there counts before a name on the hub. */
async function folderOf(said: string | undefined, deps: VerifyDeps): Promise<string> {
  if (said === undefined) return deps.configOf().modelDir ?? deps.demoModelDir;
  const isThere = await access(said).then(
    () => true,
    () => false,
  );
  if (isThere || deps.findModel === undefined || !HUB_NAME.test(said)) return said;
  const found = await deps.findModel(said);
  if (found !== undefined) return found;
  throw new AppError('model_not_found', `${said} is not downloaded, or not whole.`, {
    hint: `Run \`qwen-edit model pull ${said}\`: it fetches what is missing.`,
  });
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
    clear: (): void => {
      if (terminal.errIsTty && last !== undefined) terminal.err('\r\u001b[K');
    },
  };
}
