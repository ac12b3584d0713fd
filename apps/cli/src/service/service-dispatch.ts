import type { Config, Overrides } from '../config.ts';
import type { Terminal } from '../terminal.ts';

export const SERVICE_COMMANDS = ['submit', 'status', 'watch', 'cancel', 'list'] as const;
export type ServiceCommand = (typeof SERVICE_COMMANDS)[number];

interface Deps {
  readonly terminal: Terminal;
  readonly configOf: (overrides: Overrides) => Config;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Runs a command that calls a service. Its code is loaded here, so that other commands start without it. */
export async function serviceCommand(command: ServiceCommand, args: readonly string[], deps: Deps): Promise<void> {
  const { clientOf, findService } = await import('./find-service.ts');
  const url = urlFlag(args);
  const config = deps.configOf(url === undefined ? {} : { QWEN_EDIT_URL: url });
  const client = clientOf(await findService(config));
  const { terminal, now, signal } = deps;
  const serviceDeps = { terminal, config, client, now, signal };
  if (command === 'submit') return (await import('./submit-command.ts')).submitCommand(args, serviceDeps);
  const jobs = await import('./job-commands.ts');
  const run = {
    status: jobs.statusCommand,
    watch: jobs.watchCommand,
    cancel: jobs.cancelCommand,
    list: jobs.listCommand,
  };
  return run[command](args, serviceDeps);
}

/** The value of --url. It is read before the other flags, because the client has to be made first. */
function urlFlag(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg) => arg === '--url' || arg.startsWith('--url='));
  if (at === -1) return undefined;
  return args[at]?.startsWith('--url=') ? args[at].slice('--url='.length) : args[at + 1];
}
