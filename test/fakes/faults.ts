import { AppError } from '@qwen-edit/contract';
import type { EngineScript } from './script.ts';

/** What a fault may do to the engine. */
export interface Victim {
  /** Writes to the protocol's pipe, past the protocol. */
  readonly write: (bytes: string) => void;
  /** From now on nothing is said. */
  readonly mute: () => void;
  /** From now on nothing is said but that the engine is alive. */
  readonly mumble: () => void;
  /** Waits for a cancel. */
  readonly stay: () => Promise<void>;
  /** Waits for a cancel, or for this file. */
  readonly hold: (file: string) => Promise<void>;
}

const never = (): Promise<never> => new Promise(() => undefined);
const toStderr = (text: string): Promise<void> => new Promise((resolve) => process.stderr.write(text, () => resolve()));

/** Does the script's fault, if it is due when `done` steps are done. */
export async function commitFault({ fault, at }: EngineScript, done: number, victim: Victim): Promise<void> {
  if (fault === undefined || done !== at) return;
  switch (fault.kind) {
    case 'exit':
      await toStderr('fake: told to crash\n');
      process.exit(fault.code);
      break;
    case 'signal':
      process.removeAllListeners(fault.signal);
      process.kill(process.pid, fault.signal);
      return never();
    case 'fail':
      throw new AppError(fault.code, `The script says ${fault.code}.`);
    case 'garbage':
      victim.write('terminate called without an active exception\n');
      return never();
    case 'hang':
      victim.mute();
      return never();
    case 'deaf':
      victim.mumble();
      return never();
    case 'stay':
      return victim.stay();
    case 'hold':
      return victim.hold(fault.file);
    case 'flood':
      for (let i = 0; i < 64; i++) await toStderr('x'.repeat(1e6));
  }
}
