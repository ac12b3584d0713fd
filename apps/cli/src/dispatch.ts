import { AppError, didYouMean, ERRORS, nearestOf, toAppError } from '@qwen-edit/contract';
import type { Config, Overrides } from './config.ts';
import { type EditDeps, editCommand } from './edit-command.ts';
import { wantsJson } from './edit-flags.ts';
import { HELP } from './help.ts';
import { errorJson, errorText, exitCodeOf } from './report.ts';
import { ROLES, roleCommand } from './roles/role-command.ts';
import { SERVICE_COMMANDS, serviceCommand } from './service/service-dispatch.ts';

const COMMANDS = [
  ...ROLES,
  ...SERVICE_COMMANDS,
  'edit',
  'doctor',
  'model',
  'plan',
  'migrate',
  'keys',
  'config',
  'help',
];

export interface CliDeps extends Omit<EditDeps, 'config'> {
  readonly version: string;
  /** The environment's settings, under those that flags say. */
  readonly readConfig: (overrides?: Overrides) => Config;
  /** Asks whoever sits at the terminal. undefined if nobody does. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
  /** Applies QWEN_EDIT_NICE. */
  readonly setNice: (added: number) => void;
}

/**
 * Runs a command line to its end. Returns 0, 1 for an error or for a problem that doctor has found, or 2 for bad usage; every error
 * has been told.
 */
export async function dispatch(args: readonly string[], deps: CliDeps): Promise<number> {
  try {
    // Its exit code also tells what it found.
    if (args[0] === 'plan')
      return await (await import('./plan/plan-command.ts')).planCommand(args.slice(1), {
        terminal: deps.terminal,
        config: deps.readConfig(),
        demoModelDir: deps.demoModelDir,
      });
    if (args[0] === 'doctor')
      return await (await import('./doctor/doctor-command.ts')).doctorCommand(args.slice(1), deps);
    await runCommand(args, deps);
    return 0;
  } catch (thrown) {
    const error = withHintOf(args[0], toAppError(thrown));
    // Who pressed Ctrl-C knows; and what fails while everything is being stopped is no news.
    if (deps.signal.aborted) return 1;
    if (wantsJson(args)) deps.terminal.out(errorJson(error));
    deps.terminal.err(errorText(error));
    return exitCodeOf(error);
  }
}

/** Where the table of errors only knows to ask for help, the command's own is what helps. */
function withHintOf(command: string | undefined, error: AppError): AppError {
  if (error.code !== 'usage' || error.hint !== ERRORS.usage.hint || command === undefined) return error;
  return new AppError('usage', error.message, {
    hint: `Run \`qwen-edit ${command} --help\` to see the flags.`,
    cause: error,
  });
}

async function runCommand(args: readonly string[], deps: CliDeps): Promise<void> {
  const [command, ...rest] = args;
  const role = ROLES.find((each) => each === command);
  if (role !== undefined) return roleCommand(role, rest, { ...deps, configOf: deps.readConfig });
  const service = SERVICE_COMMANDS.find((each) => each === command);
  if (service !== undefined) return serviceCommand(service, rest, { ...deps, configOf: deps.readConfig });
  switch (command) {
    case 'edit': {
      const config = deps.readConfig();
      if (config.nice !== undefined) deps.setNice(config.nice);
      return editCommand(rest, { ...deps, config });
    }
    case 'model':
      return (await import('./model/model-command.ts')).modelCommand(rest, { ...deps, configOf: deps.readConfig });
    case 'migrate':
      return (await import('./tools/migrate-command.ts')).migrateCommand(rest, await databaseTool(deps));
    case 'keys':
      return (await import('./tools/keys-command.ts')).keysCommand(rest, await databaseTool(deps));
    case 'config':
      return (await import('./tools/config-command.ts')).configCommand(rest, deps.terminal);
    case '--version':
      return deps.terminal.out(`${deps.version}\n`);
    case 'help':
    case '--help':
    case '-h':
      return deps.terminal.out(HELP);
    case undefined:
      throw new AppError('usage', 'No command is given.', { hint: HELP.trimEnd() });
    default:
      throw new AppError('usage', `There is no command '${command}'.${didYouMean(nearestOf(command, COMMANDS))}`, {
        hint: 'Run `qwen-edit --help` to see the commands.',
      });
  }
}

async function databaseTool({ terminal, readConfig, signal }: CliDeps) {
  const { withDatabase } = await import('./tools/with-database.ts');
  const config = readConfig();
  return {
    terminal,
    withDatabase: <T>(work: Parameters<typeof withDatabase<T>>[2]): Promise<T> => withDatabase(config, signal, work),
  };
}
