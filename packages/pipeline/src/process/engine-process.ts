import { type ChildProcess, spawn } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import { Duplex } from 'node:stream';
import { AppError, toAppError } from '@qwen-edit/contract';
import { engineEnvironment } from './config.ts';
import { type Frame, readFrames, writeFrame } from './framing.ts';
import { type EngineCommand, type EngineEvent, engineEventSchema, PROTOCOL_FD, PROTOCOL_VERSION } from './protocol.ts';

/** Called with the events of an operation before the one that ends it. */
export type EngineEventListener = (event: EngineEvent, parts: readonly Uint8Array[]) => void;
export type UnnumberedCommand = EngineCommand extends infer C
  ? C extends { id: number }
    ? Omit<C, 'id'>
    : never
  : never;

/** One engine process, from its start to its end. It is never restarted: a caller that needs another one starts it. */
export interface EngineProcess {
  /** Sends a command and resolves with the event that ends it. Rejects with the engine's AppError, or with the reason why the engine ended. */
  ask(
    command: UnnumberedCommand,
    parts?: readonly Uint8Array[],
    listener?: EngineEventListener,
  ): Promise<{ event: EngineEvent; parts: readonly Uint8Array[] }>;
  /** Sends a command that has no answer. */
  tell(command: UnnumberedCommand): void;
  /** Ends the process at once. Every open `ask` rejects with `error`. */
  kill(error: AppError): void;
  /** Asks the process to end, kills it after `graceMs`, and resolves when it has ended. */
  shutdown(graceMs: number): Promise<void>;
  readonly alive: boolean;
  /** Process id; undefined if the process could not be started, and after it has ended. */
  readonly pid: number | undefined;
}

interface EngineProcessOptions {
  /** The program to run with this Node: process/child.ts, or another one that speaks the same protocol. */
  readonly program: string;
  /** Longest time without a message while something is asked. */
  readonly silenceMs: number;
  /** Added to this process's niceness for the engine's, as far as the system allows it. */
  readonly nice: number;
  /** Hears of what keeps no edit from being made. */
  readonly onTrouble?: ((error: AppError) => void) | undefined;
}

interface Pending {
  readonly resolve: (answer: { event: EngineEvent; parts: readonly Uint8Array[] }) => void;
  readonly reject: (error: AppError) => void;
  readonly listener: EngineEventListener | undefined;
}

const STDERR_KEPT = 4000;
/** How long an engine may run on after it has closed its pipe. */
const END_MS = 2000;

/** Starts an engine process. It is ready when `ask` answers. It is ended if it speaks another version, or sends what is no message. */
export function startEngineProcess(options: EngineProcessOptions): EngineProcess {
  const child = spawn(process.execPath, [options.program], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: engineEnvironment(),
    windowsHide: true,
  });
  if (options.nice !== 0) setNice(child.pid, options.nice);
  const pipe = child.stdio[PROTOCOL_FD];
  if (!(pipe instanceof Duplex)) throw new AppError('engine_crashed', 'The engine process has no pipe.');
  const pending = new Map<number, Pending>();
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let nextId = 1;
  let ready = false;
  let ended: AppError | undefined;
  /** Set once the process was asked to end: its end is then no crash. */
  let closing: AppError | undefined;
  let stderr = '';
  let silence: NodeJS.Timeout | undefined;
  let hanging: NodeJS.Timeout | undefined;

  const end = (error: AppError): void => {
    if (ended !== undefined) return;
    ended = error;
    clearTimeout(silence);
    clearTimeout(hanging);
    child.kill('SIGKILL');
    pipe.destroy();
    for (const each of pending.values()) each.reject(error);
    pending.clear();
  };
  /** Restarts the limit on silence, which runs only while an answer is awaited. */
  const restartSilenceLimit = (): void => {
    clearTimeout(silence);
    if (pending.size === 0 || ended !== undefined) return;
    const seconds = options.silenceMs / 1000;
    silence = setTimeout(
      () => end(new AppError('engine_silent', `The engine has said nothing for ${seconds} s.`)),
      options.silenceMs,
    );
  };
  const settle = (id: number, act: (waiting: Pending) => void): void => {
    const waiting = pending.get(id);
    pending.delete(id);
    restartSilenceLimit();
    if (waiting !== undefined) act(waiting);
  };
  /** A listener that throws ends its own operation, not our process. */
  const notifyListener = (id: number, event: EngineEvent, parts: readonly Uint8Array[]): void => {
    try {
      pending.get(id)?.listener?.(event, parts);
    } catch (thrown) {
      settle(id, (waiting) => waiting.reject(toAppError(thrown)));
      write({ type: 'cancel' }, []);
    }
  };
  const checkHello = (event: EngineEvent): void => {
    ready = event.type === 'hello' && event.version === PROTOCOL_VERSION;
    if (!ready) {
      end(new AppError('engine_protocol', `The engine does not speak version ${PROTOCOL_VERSION} of the protocol.`));
    }
  };
  const handleEvent = (event: EngineEvent, parts: readonly Uint8Array[]): void => {
    switch (event.type) {
      case 'hello':
      case 'alive':
        break;
      case 'trouble':
        options.onTrouble?.(new AppError(event.code, event.message, { hint: event.hint }));
        break;
      case 'step':
      case 'preparing':
      case 'testing':
      case 'snapshot':
      case 'preview':
        notifyListener(event.id, event, parts);
        break;
      case 'error': {
        const error = new AppError(event.code, event.message, { hint: event.hint });
        settle(event.id, (waiting) => waiting.reject(error));
        break;
      }
      default:
        settle(event.id, (waiting) => waiting.resolve({ event, parts }));
    }
  };
  const onFrame = (frame: Frame): void => {
    if (ended !== undefined) return;
    const parsed = engineEventSchema.safeParse(frame.header);
    if (!parsed.success) {
      end(new AppError('engine_protocol', 'The engine sent a message that fits no schema.'));
      return;
    }
    restartSilenceLimit();
    if (ready) handleEvent(parsed.data, frame.parts);
    else checkHello(parsed.data);
  };

  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_KEPT);
  });
  child.once('error', (cause) =>
    end(new AppError('engine_crashed', 'The engine process could not be started.', { cause })),
  );
  child.once('close', (code, signal) =>
    end(closing ?? new AppError('engine_crashed', `The engine ended ${endOf(code, signal)}.${lastLines(stderr)}`)),
  );
  pipe.on('error', () => undefined);
  pipe.once('close', () => {
    if (ended !== undefined) return;
    // An engine that is done can hang at its end (nodejs/node#54918), and would then never be missed.
    hanging = setTimeout(
      () =>
        end(
          closing ?? new AppError('engine_crashed', `The engine closed its pipe, and did not end.${lastLines(stderr)}`),
        ),
      END_MS,
    );
  });
  readFrames(pipe, { onFrame, onGarbage: (what) => end(new AppError('engine_protocol', `The engine sent ${what}.`)) });

  const write = (command: UnnumberedCommand, parts: readonly Uint8Array[]): number => {
    const id = nextId++;
    if (pipe.writable) writeFrame(pipe, { ...command, id }, parts);
    return id;
  };

  return {
    get alive() {
      return ended === undefined;
    },
    get pid() {
      return ended === undefined ? child.pid : undefined;
    },
    ask: (command, parts = [], listener = undefined) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        pending.set(write(command, parts), { resolve, reject, listener });
        restartSilenceLimit();
      }),
    tell(command) {
      if (ended === undefined) write(command, []);
    },
    kill: end,
    async shutdown(graceMs) {
      const closed = new AppError('engine_closed', 'The pipeline was closed.');
      closing = closed;
      if (ended === undefined) {
        write({ type: 'shutdown' }, []);
        const timer = setTimeout(() => end(closed), graceMs);
        await exited;
        clearTimeout(timer);
      }
      end(closed);
      await exited;
    },
  };
}

/** Must be called before the process has threads: they inherit its niceness. */
function setNice(pid: number | undefined, added: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.max(-20, Math.min(19, getPriority() + added)));
  } catch {
    // Only root may lower a niceness; the engine works without it.
  }
}

function endOf(code: ChildProcess['exitCode'], signal: NodeJS.Signals | null): string {
  if (signal === 'SIGKILL') return 'by SIGKILL, which is how a system short of memory ends processes';
  return signal === null ? `with exit code ${code}` : `by ${signal}`;
}

/** Lines that Node writes around an uncaught error and that explain nothing: places in the code, marks, its own version. */
const NOISE = /^\s+at |^Node\.js v\d|^[\s^{}]*$/;

function lastLines(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => !NOISE.test(line));
  return lines.length === 0 ? '' : ` It last said: ${lines.slice(-3).join(' ').trim()}`;
}
