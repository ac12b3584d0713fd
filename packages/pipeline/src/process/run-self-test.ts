import { availableParallelism } from 'node:os';
import { AppError, type PrecisionName } from '@qwen-edit/contract';
import { deviceNamed, type KernelSet } from '../engine/devices.ts';
import { precisionNamed } from '../engine/precision.ts';
import type { Examination, ExaminationResult } from '../self-test/examine-device.ts';
import { kernelLadder } from '../self-test/ladder.ts';
import type { OnTesting } from '../self-test/run-golden-edit.ts';
import type { RefusedKernels, SelfTestResult } from '../types.ts';
import { endBrokenEngine } from './edit-messages.ts';
import { type EngineProcess, startEngineProcess } from './engine-process.ts';
import { requireEngine } from './require-engine.ts';

export interface SelfTestOptions {
  /** A small checkpoint with a golden edit: the demo model. */
  readonly dir: string;
  /** A checkpoint of which one block is computed; without it none is. */
  readonly block?: string | undefined;
  /** Try every operator by itself too. */
  readonly operators?: boolean | undefined;
  /** As of PipelineOptions. */
  readonly device?: string | undefined;
  readonly precision?: string | undefined;
  readonly threads?: number | undefined;
  /** Only these; without it, what kernelLadder says is tried until something passes, as an engine does before it serves. */
  readonly kernels?: KernelSet | undefined;
  /** As of PipelineOptions. */
  readonly weightCacheDir?: string | undefined;
  readonly onTesting?: OnTesting | undefined;
  /** Called with the result of each set of kernels, also of one that is refused. */
  readonly onResult?: ((result: SelfTestResult) => void) | undefined;
  /** Ends the engine; runSelfTest then rejects with `canceled`. */
  readonly signal?: AbortSignal | undefined;
  /** Another engine program that speaks the same protocol, for tests. */
  readonly program?: string;
}

const SILENCE_MS = 180_000;
const CLOSE_GRACE_MS = 500;

/**
 * Makes the golden edit of a small checkpoint in an engine process of its own, and compares it with what it must be; and one block of
 * another checkpoint, if it is named. Resolves with the first result that passes, or with the last one. Rejects with an AppError if it
 * could not be made at all: `engine_crashed`, `out_of_memory`, `canceled`, …
 *
 * @example
 * const { ok, psnr, reason } = await runSelfTest({ dir: demoModelDir, precision: 'fp32', threads: 2 });
 */
export async function runSelfTest(options: SelfTestOptions): Promise<SelfTestResult> {
  if (options.program === undefined) requireEngine();
  const device = deviceNamed(options.device);
  const precision = precisionNamed(options.precision, device.name).name;
  const ladder = kernelLadder(device.key, precision);
  const rungs = options.kernels === undefined ? ladder : [{ kernels: options.kernels, precision }];
  const refused: RefusedKernels[] = [];
  for (const rung of rungs) {
    const result = await testOnce(options, { ...rung, device: device.key }, refused);
    options.onResult?.(result);
    if (result.ok || rung === rungs.at(-1)) return result;
    refused.push({ ...rung, reason: result.reason ?? NO_REASON });
  }
  throw new AppError('internal', 'There was nothing to test.');
}

async function testOnce(
  options: SelfTestOptions,
  rung: Pick<Examination, 'device' | 'kernels'> & { readonly precision: PrecisionName },
  refused: readonly RefusedKernels[],
): Promise<SelfTestResult> {
  const { dir, block, operators = false, weightCacheDir, onTesting, signal } = options;
  const threads = options.threads ?? availableParallelism();
  const program = options.program ?? `${import.meta.dirname}/child.ts`;
  const engine = startEngineProcess({ program, silenceMs: SILENCE_MS, nice: 0 });
  const stop = (): void => engine.kill(new AppError('canceled', 'The self-test was cancelled.'));
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const examination = { ...rung, threads, weightCacheDir, dir, block, operators };
    return selfTestResult(examination, [await askExamination(engine, examination, onTesting)], refused);
  } finally {
    signal?.removeEventListener('abort', stop);
    await engine.shutdown(CLOSE_GRACE_MS);
  }
}

interface TimedExamination extends ExaminationResult {
  readonly seconds: number;
}

/** The same in an engine that runs. */
export async function askExamination(
  engine: EngineProcess,
  examination: Examination,
  onTesting?: OnTesting,
): Promise<TimedExamination> {
  const { event } = await engine.ask({ type: 'self-test', ...examination }, [], (each) => {
    if (each.type === 'testing') onTesting?.(each.what, each.done, each.total);
  });
  return event.type === 'self-tested' ? event.result : endBrokenEngine(engine);
}

/** What several examinations with the same kernels have found together. */
export function selfTestResult(
  { device, kernels, precision }: Pick<Examination, 'device' | 'kernels' | 'precision'>,
  parts: readonly TimedExamination[],
  refused: readonly RefusedKernels[],
): SelfTestResult {
  const figures = parts.flatMap((part) => part.figures);
  const reason = parts.map((part) => part.reason).find((each) => each !== undefined);
  const picture = figures.find(({ name }) => name === 'picture');
  return {
    ok: reason === undefined && figures.every(({ ok }) => ok),
    ...{ device, kernels, precision },
    psnr: picture?.decibels ?? 0,
    bound: picture?.bound ?? 0,
    seconds: parts.reduce((sum, part) => sum + part.seconds, 0),
    figures,
    operators: parts.flatMap((part) => part.operators),
    reason,
    refused,
  };
}

const NO_REASON = 'The golden edit gives another picture.';

/** Throws AppError `device_drift` for a result that is not ok. */
export function requirePassed(result: SelfTestResult): SelfTestResult {
  if (result.ok) return result;
  throw new AppError('device_drift', `The self-test fails. ${result.reason ?? NO_REASON}`);
}
