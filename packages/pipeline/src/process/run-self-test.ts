import { availableParallelism } from 'node:os';
import { AppError } from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import { precisionNamed } from '../engine/precision.ts';
import type { SelfTestResult } from '../types.ts';
import { endBrokenEngine } from './edit-messages.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import { requireEngine } from './require-engine.ts';

export interface SelfTestOptions {
  /** A small checkpoint with a golden edit: the demo model. */
  readonly dir: string;
  /** As of PipelineOptions. */
  readonly device?: string | undefined;
  readonly precision?: string | undefined;
  readonly threads?: number | undefined;
  /** As of PipelineOptions. */
  readonly weightCacheDir?: string | undefined;
  /** Ends the engine; runSelfTest then rejects with `canceled`. */
  readonly signal?: AbortSignal | undefined;
  /** Another engine program that speaks the same protocol, for tests. */
  readonly program?: string;
}

/** What a self-test is made on. */
export interface TestedDevice {
  readonly device: string;
  readonly precision: string;
  readonly threads: number;
  readonly weightCacheDir?: string | undefined;
}

const SILENCE_MS = 60_000;
const CLOSE_GRACE_MS = 500;

/**
 * Makes the golden edit of a small checkpoint in an engine process of its own, and compares it with what it must be. Rejects with
 * an AppError if it could not be made at all: `engine_crashed`, `out_of_memory`, `canceled`, …
 *
 * @example
 * const { ok, psnr, reason } = await runSelfTest({ dir: demoModelDir, precision: 'fp32', threads: 2 });
 */
export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestResult> {
  if (options.program === undefined) requireEngine();
  const tested = {
    device: deviceNamed(options.device).key,
    precision: precisionNamed(options.precision, deviceNamed(options.device).name).name,
    threads: options.threads ?? availableParallelism(),
    weightCacheDir: options.weightCacheDir,
  };
  const program = options.program ?? `${import.meta.dirname}/child.ts`;
  const engine = startEngineProcess({ program, silenceMs: SILENCE_MS, nice: 0 });
  const stop = (): void => engine.kill(new AppError('canceled', 'The self-test was cancelled.'));
  if (options.signal?.aborted === true) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    return await askSelfTest(engine, options.dir, tested);
  } finally {
    options.signal?.removeEventListener('abort', stop);
    await engine.shutdown(CLOSE_GRACE_MS);
  }
}

/** The same in an engine that runs. */
export async function askSelfTest(engine: EngineProcess, dir: string, tested: TestedDevice): Promise<SelfTestResult> {
  const { event } = await engine.ask({ type: 'self-test', dir, ...tested });
  return event.type === 'self-tested' ? event.result : endBrokenEngine(engine);
}

/** Throws AppError `device_drift` for a result that is not ok. */
export function requirePassed(result: SelfTestResult): SelfTestResult {
  if (result.ok) return result;
  throw new AppError(
    'device_drift',
    `The self-test fails. ${result.reason ?? 'The golden edit gives another picture.'}`,
  );
}
