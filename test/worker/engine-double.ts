import type { EngineStart, LoadedEngine } from '../../apps/worker/src/index.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import type { EditHooks, EditRequest, EditResult, ModelFacts } from '../../packages/pipeline/src/index.ts';

export interface EditCall {
  readonly request: EditRequest;
  readonly hooks: EditHooks;
  /** 1 for the first edit of all engines. */
  readonly number: number;
  /** Ends the engine's process, as a system that is short of memory does. */
  crash(): AppError;
}

export type EditScript = (call: EditCall) => Promise<EditResult>;

export const MODEL: ModelFacts = {
  name: 'double',
  digest: 'abc',
  demo: true,
  num_inference_steps: 4,
  true_cfg_scale: 4,
  max_images: 8,
  min_inference_steps: 1,
  vae_image_size: 64,
  condition_image_size: 64,
  output_image_size: 64,
  reference_size: 'area',
  size_multiple: 16,
  device: 'cpu',
  precision: 'fp32',
};

/** The result of an edit whose picture has these bytes. */
export const resultWith = (text: string): EditResult => ({
  outputs: [{ width: 32, height: 16, format: 'png', bytes: new TextEncoder().encode(text) }],
  seed: '7',
  timings: { load_s: 0.1, encode_s: 0.2, denoise_s: 0.3, decode_s: 0.4, total_s: 1 },
  receipt: {
    model: { name: MODEL.name, digest: MODEL.digest, demo: true, pipeline: 'QwenImageEditPlusPipeline' },
    parameters: { prompt: 'make it blue' },
    images: [],
    precision: 'fp32',
    device: 'cpu',
    loras: [],
    speed: { mode: 'exact', steps: 1, computed: 1 },
    versions: {},
    unchanged: [],
  },
  warnings: [],
});

/** An edit that is never done, but ends as the pipeline does when its signal aborts. */
export function untilCanceled(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new AppError('canceled', 'The edit was cancelled.'));
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
  });
}

/** The pictures of these tests' jobs are texts, so that a real one belongs to an edit that the worker makes for itself. */
const isProbe = ({ images: [first] }: EditRequest): boolean => first?.[0] === 0x89 && first[1] === 0x50;

/**
 * Engines whose edits follow a script, and their probe edits another one; without it, these succeed. `seen` counts what they
 * are asked to do.
 */
export function createEngines(
  script: EditScript,
  load: (start: EngineStart) => Promise<void> = async () => undefined,
  probe: EditScript = async () => resultWith('probe'),
) {
  const seen = { opened: 0, closed: 0, edits: 0, probes: 0, canceled: 0 };
  async function openEngine(start: EngineStart): Promise<LoadedEngine> {
    await load(start);
    seen.opened++;
    let pid: number | undefined = 1000 + seen.opened;
    return {
      model: MODEL,
      get enginePid() {
        return pid;
      },
      edit(request, hooks = {}) {
        const crash = (): AppError => {
          pid = undefined;
          return new AppError('engine_crashed', 'The engine ended by SIGKILL.\0');
        };
        hooks.signal?.addEventListener('abort', () => seen.canceled++);
        if (isProbe(request)) return probe({ request, hooks, number: ++seen.probes, crash });
        return script({ request, hooks, number: ++seen.edits, crash });
      },
      async close() {
        seen.closed++;
        pid = undefined;
      },
    };
  }
  return { openEngine, seen };
}
