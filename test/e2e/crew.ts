import type { Role } from '../../apps/cli/src/roles/role-command.ts';
import { type Running, runCommand } from './processes.ts';

/** One running process of a service. */
export interface Member {
  readonly role: Role;
  readonly pid: number;
  /** Of its API, where it has one. */
  readonly url: string | undefined;
  /** Sends a signal and resolves with how it ended. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** The processes of one service, all with the same settings. */
export interface Crew {
  /** Starts one more and waits until it says that it is ready. */
  start(role: Role, env?: Readonly<Record<string, string>>): Promise<Member>;
  /** Those that live, in the order of their starts. */
  members(): readonly Member[];
  /** The last words of each that ever lived. */
  story(): string;
}

const READY: Readonly<Record<Role, RegExp>> = {
  serve: /is ready at (\S+)/,
  api: /api is ready at (\S+)/,
  worker: /worker has started/,
  dispatcher: /dispatcher has started/,
};
const LAST_WORDS = 3000;

export function createCrew(env: Readonly<Record<string, string>>, cwd: string): Crew {
  const living: Member[] = [];
  const all: { readonly role: Role; readonly running: Running }[] = [];
  return {
    async start(role, changes = {}) {
      const running = runCommand([role], { ...env, ...changes }, cwd);
      all.push({ role, running });
      const [, url] = await running.until(READY[role]);
      const member: Member = { role, pid: running.child.pid ?? 0, url, stop: running.stop };
      living.push(member);
      void running.ended.then(() => living.splice(living.indexOf(member), 1));
      return member;
    },
    members: () => [...living],
    story: () =>
      all.map(({ role, running }) => `--- ${role} ${running.child.pid}\n${lastWords(running.output())}`).join('\n'),
  };
}

/** Without the access log. */
function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => !line.includes('"msg":"request"'));
  return lines.join('\n').slice(-LAST_WORDS);
}
