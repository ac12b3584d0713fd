import { AppError, toAppError } from '@qwen-edit/contract';
import { type EditDeps, editCommand } from './edit-command.ts';
import { wantsJson } from './edit-flags.ts';
import { HELP } from './help.ts';
import { errorJson, errorText, exitCodeOf } from './report.ts';

export interface CliDeps extends Omit<EditDeps, 'config'> {
  readonly version: string;
  readonly readConfig: () => EditDeps['config'];
  /** Applies QWEN_EDIT_NICE. */
  readonly setNice: (added: number) => void;
}

/** Runs a command line to its end. Returns 0, 1 for an error, or 2 for bad usage; every error has been told. */
export async function dispatch(args: readonly string[], deps: CliDeps): Promise<number> {
  try {
    await runCommand(args, deps);
    return 0;
  } catch (thrown) {
    // Who pressed Ctrl-C knows; and what fails while everything is being stopped is no news.
    if (deps.signal.aborted) return 1;
    const error = toAppError(thrown);
    if (wantsJson(args)) deps.terminal.out(errorJson(error));
    deps.terminal.err(errorText(error));
    return exitCodeOf(error);
  }
}

async function runCommand(args: readonly string[], deps: CliDeps): Promise<void> {
  const [command, ...rest] = args;
  switch (command) {
    case 'edit': {
      const config = deps.readConfig();
      if (config.nice !== undefined) deps.setNice(config.nice);
      return editCommand(rest, { ...deps, config });
    }
    case '--version':
      return deps.terminal.out(`${deps.version}\n`);
    case 'help':
    case '--help':
    case '-h':
      return deps.terminal.out(HELP);
    case undefined:
      throw new AppError('usage', 'No command is given.', { hint: HELP.trimEnd() });
    default:
      throw new AppError('usage', `There is no command '${command}'.`, {
        hint: 'Run `qwen-edit --help` to see the commands.',
      });
  }
}
