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
  'selftest',
  'smoke',
  'model',
  'plan',
  'migrate',
  'backup',
  'restore',
  'storage',
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
 * Runs a command line to its end. Returns 0, 1 for an error or for what doctor, selftest, smoke or a plan found against it, or 2 for bad usage; every
 * error has been told.
 */
export async function dispatch(args: readonly string[], deps: CliDeps): Promise<number> {
  try {
    return await runCommand(args, deps);
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

/** The exit code of a command that ends well: of most 0; of those that judge, the verdict. */
async function runCommand(args: readonly string[], deps: CliDeps): Promise<number> {
  const [command, ...rest] = args;
  const withConfigOf = { ...deps, configOf: deps.readConfig };
  const role = ROLES.find((each) => each === command);
  if (role !== undefined) return ended(roleCommand(role, rest, withConfigOf));
  const service = SERVICE_COMMANDS.find((each) => each === command);
  if (service !== undefined) return ended(serviceCommand(service, rest, withConfigOf));
  switch (command) {
    case 'edit': {
      const config = deps.readConfig();
      if (config.nice !== undefined) deps.setNice(config.nice);
      return ended(editCommand(rest, { ...deps, config }));
    }
    case 'doctor':
      return (await import('./doctor/doctor-command.ts')).doctorCommand(rest, deps);
    case 'selftest':
      return (await import('./selftest/selftest-command.ts')).selftestCommand(rest, withConfigOf);
    case 'smoke':
      return (await import('./smoke/smoke-command.ts')).smokeCommand(rest, withConfigOf);
    case 'plan':
      return (await import('./plan/plan-command.ts')).planCommand(rest, { ...deps, config: deps.readConfig() });
    case 'model':
      return ended((await import('./model/model-command.ts')).modelCommand(rest, withConfigOf));
    case 'migrate':
      return (await import('./tools/migrate-command.ts')).migrateCommand(rest, await databaseTool(deps, false));
    case 'backup':
      return ended((await import('./backup/backup-command.ts')).backupCommand(rest, withConfigOf));
    case 'restore':
      return ended((await import('./backup/backup-command.ts')).restoreCommand(rest, withConfigOf));
    case 'storage':
      return (await import('./backup/storage-command.ts')).storageCommand(rest, withConfigOf);
    case 'keys':
      return ended((await import('./tools/keys-command.ts')).keysCommand(rest, await databaseTool(deps)));
    case 'config':
      return ended((await import('./tools/config-command.ts')).configCommand(rest, deps.terminal));
    case '--version':
      return ended(deps.terminal.out(`${deps.version}\n`));
    case 'help':
    case '--help':
    case '-h':
      return ended(deps.terminal.out(HELP));
    case undefined:
      throw new AppError('usage', 'No command is given.', { hint: HELP.trimEnd() });
    default:
      throw new AppError('usage', `There is no command '${command}'.${didYouMean(nearestOf(command, COMMANDS))}`, {
        hint: 'Run `qwen-edit --help` to see the commands.',
      });
  }
}

/** Of a command that has done what it should once it does not throw. */
async function ended(command: Promise<void> | void): Promise<number> {
  await command;
  return 0;
}

async function databaseTool({ terminal, readConfig, signal }: CliDeps, migrates = true) {
  const { withDatabase } = await import('./tools/with-database.ts');
  const config = readConfig();
  return {
    terminal,
    config,
    signal,
    withDatabase: <T>(work: Parameters<typeof withDatabase<T>>[2]): Promise<T> =>
      withDatabase(config, signal, work, { migrates }),
  };
}
