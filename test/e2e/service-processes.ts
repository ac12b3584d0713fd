import { type RunningCommand, runCommand } from './processes.ts';

export type ServiceRole = 'serve' | 'api' | 'worker' | 'dispatcher';

/** One running process of a service. */
export interface ServiceProcess {
  readonly role: ServiceRole;
  readonly pid: number;
  /** The address of its API, if it has one. */
  readonly url: string | undefined;
  /** Sends a signal. Resolves with the exit code or the signal's name when the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** The processes of one service, all with the same settings. */
export interface ServiceProcesses {
  /** Starts one more process and waits until it says that it is ready. */
  start(role: ServiceRole, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  /** The processes that are running, in the order in which they were started. */
  members(): readonly ServiceProcess[];
  /** Kills all of them, also those that are not ready yet, and waits for their ends. */
  kill(): Promise<void>;
  /** The end of the output of every process that was ever started. */
  lastOutput(): string;
}

const READY: Readonly<Record<ServiceRole, RegExp>> = {
  serve: /is ready at (\S+)/,
  api: /api is ready at (\S+)/,
  worker: /worker has started/,
  dispatcher: /dispatcher has started/,
};
/** Workers have to give jobs back in a moment, but an API that is cut off loses answers that a busy machine makes late. */
const ROLE_SETTINGS: Readonly<Partial<Record<ServiceRole, Readonly<Record<string, string>>>>> = {
  api: { QWEN_EDIT_GRACE_SECONDS: '10' },
};
const SHOWN_CHARACTERS = 3000;

/** @param root a checkout of another version, whose code is run instead of this one's */
export function createServiceProcesses(
  env: Readonly<Record<string, string>>,
  cwd: string,
  root?: string,
): ServiceProcesses {
  const living: ServiceProcess[] = [];
  const all: { readonly role: ServiceRole; readonly running: RunningCommand }[] = [];
  return {
    async start(role, changes = {}) {
      const running = runCommand([role], { ...env, ...ROLE_SETTINGS[role], ...changes }, cwd, { root });
      all.push({ role, running });
      const [, url] = await running.until(READY[role]);
      const member: ServiceProcess = { role, pid: running.child.pid ?? 0, url, stop: running.stop };
      living.push(member);
      void running.ended.then(() => living.splice(living.indexOf(member), 1));
      return member;
    },
    members: () => [...living],
    kill: async () => void (await Promise.all(all.map(({ running }) => running.stop('SIGKILL')))),
    lastOutput: () =>
      all.map(({ role, running }) => `--- ${role} ${running.child.pid}\n${endOf(running.output())}`).join('\n'),
  };
}

/** The end of an output, without the access log. */
function endOf(output: string): string {
  const lines = output.split('\n').filter((line) => !line.includes('"msg":"request"'));
  return lines.join('\n').slice(-SHOWN_CHARACTERS);
}
