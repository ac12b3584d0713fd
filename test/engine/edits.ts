import { onTestFinished } from 'vitest';
import type { LoadedModel, Residency } from '../../packages/pipeline/src/engine/model.ts';
import {
  createPipeline,
  type EditRequest,
  type EditResult,
  type Pipeline,
  type PipelineOptions,
} from '../../packages/pipeline/src/index.ts';
import { checkpointDir, inputBytes, sha256 } from '../parity/goldens.ts';

/** A pipeline with the smallest checkpoint, closed when the running test is over. */
export async function pipelineFor(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  const pipeline = await createPipeline({ modelDir: checkpointDir('tiny-c'), threads: 1, ...options });
  onTestFinished(() => pipeline.close());
  return pipeline;
}

/** A request for a small edit; each of its steps takes some milliseconds. */
export function request(steps: number, more: Partial<EditRequest['parameters']> = {}): EditRequest {
  const parameters = { prompt: 'paint it', num_inference_steps: steps, width: 64, height: 64, ...more };
  return { images: [inputBytes('sq_72x72')], parameters };
}

/** Hashes of the pictures of a result. */
export function pictures({ outputs }: EditResult): string[] {
  return outputs.map((output) => sha256(output.bytes));
}

/** Resolves when the process has ended. The limit is there only so that a test fails rather than hangs. */
export async function goneWithin(pid: number, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (isThere(pid)) {
    if (performance.now() > deadline) throw new RangeError(`process ${pid} is still there after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The same model, and what it is told to hold from now on. */
export function noteArrangements(loaded: LoadedModel): { model: LoadedModel; arranged: readonly Residency[] } {
  const arranged: Residency[] = [];
  const model: LoadedModel = {
    ...loaded,
    async arrange(residency) {
      arranged.push(residency);
      await loaded.arrange(residency);
    },
  };
  return { model, arranged };
}
