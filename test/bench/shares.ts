import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { createPipeline, type Pipeline } from '@qwen-edit/pipeline';
import { createBenchCaller, createFreshPictures } from './caller.ts';
import { openLoop } from './statistics.ts';
import { type BusyOptions, readyUrl, startRole } from './submissions.ts';

export interface ShareTimes {
  /** Of the engine. */
  readonly threads: number;
  readonly nice: number;
  /** Milliseconds of each submission. */
  readonly times: readonly number[];
  /** Seconds of each step that the engine has made meanwhile. */
  readonly steps: readonly number[];
}

/** More steps than an engine makes in the time of a round. */
const STEPS = 100;

/**
 * What an engine with all cores or half of them, at the niceness of the API or 5 above it, leaves to the API, and what a step of the
 * demo model takes then. The four take turns of a few seconds, so that whatever else the machine does falls on all alike.
 */
export async function timeShares(
  url: string,
  options: BusyOptions & { readonly rounds: number },
): Promise<readonly ShareTimes[]> {
  const { picture, folder, signal, rounds } = options;
  const all = availableParallelism();
  const half = Math.max(1, Math.floor(all / 2));
  const pairs = [all, half].flatMap((threads) => [0, 5].map((nice) => ({ threads, nice })));
  const api = startRole('api', url, join(folder, 'shares'));
  const caller = createBenchCaller(await readyUrl(api), createFreshPictures(picture));
  const pipelines = await Promise.all(pairs.map((pair) => createPipeline({ modelDir: demoModelDir, ...pair })));
  const engines = pairs.map((pair, i) => ({ ...pair, pipeline: pipelines[i], times: [0], steps: [0] }));
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const { pipeline, times, steps } of engines) {
        // The first round is the warm-up of all.
        if (round === 1) [times.length, steps.length] = [0, 0];
        const stop = new AbortController();
        const editing = makeSteps(pipeline, picture, AbortSignal.any([signal, stop.signal]));
        const arrivals = await openLoop(options, caller.submit);
        stop.abort();
        times.push(...arrivals.times);
        steps.push(...(await editing));
      }
    }
    return engines;
  } finally {
    caller.close();
    await Promise.all(pipelines.map((pipeline) => pipeline.close()));
    await api.stop();
  }
}

/** The seconds of each step of an edit that goes on until the signal aborts. */
async function makeSteps(pipeline: Pipeline | undefined, picture: Buffer, signal: AbortSignal): Promise<number[]> {
  const seconds: number[] = [];
  let last: number | undefined;
  const parameters = { prompt: 'make it blue', num_inference_steps: STEPS };
  const onStep = ({ stage }: { readonly stage: string }): void => {
    const now = performance.now();
    if (stage === 'denoise' && last !== undefined) seconds.push((now - last) / 1000);
    last = stage === 'denoise' ? now : undefined;
  };
  try {
    await pipeline?.edit({ images: [picture], parameters }, { signal, onStep });
    throw new AppError('internal', 'The edit was done before the round was over.');
  } catch (thrown) {
    if (toAppError(thrown).code !== 'canceled') throw thrown;
    return seconds;
  }
}
