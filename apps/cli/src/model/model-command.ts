import { AppError, didYouMean, nearestOf } from '@qwen-edit/contract';
import type { Config } from '../config.ts';
import { MODEL_HELP } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export interface ModelDeps {
  readonly terminal: Terminal;
  readonly configOf: () => Config;
  /** The folder of the model that is verified if nothing names another. */
  readonly demoModelDir: string;
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

const WHAT = ['pull', 'list', 'verify', 'calibrate', 'remove'];

/** `qwen-edit model pull | list | verify | calibrate | remove`. Each is loaded when it is called. */
export async function modelCommand(args: readonly string[], deps: ModelDeps): Promise<void> {
  const [what, ...rest] = args;
  const wantsHelp = rest.includes('--help') || rest.includes('-h');
  if (wantsHelp && what !== 'verify') return deps.terminal.out(MODEL_HELP);
  switch (what) {
    case 'pull':
      return (await import('./pull-command.ts')).pullCommand(rest, deps);
    case 'list':
      return (await import('./list-command.ts')).modelListCommand(rest, deps);
    case 'verify':
      return (await import('./verify-command.ts')).verifyCommand(rest, deps);
    case 'calibrate':
      return (await import('./calibrate-command.ts')).calibrateCommand(rest, deps);
    case 'remove':
      return (await import('./remove-command.ts')).removeCommand(rest, deps);
    case '--help':
    case '-h':
      return deps.terminal.out(MODEL_HELP);
    default:
      throw new AppError(
        'usage',
        `Say one of: ${WHAT.map((each) => `model ${each}`).join(', ')}.${didYouMean(nearestOf(what ?? '', WHAT))}`,
        { hint: MODEL_HELP.trimEnd() },
      );
  }
}
