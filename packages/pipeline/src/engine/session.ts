import { AppError } from '@qwen-edit/contract';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FloatArray } from '../arrays.ts';
import { type Graph, OUTPUT_SUFFIX } from '../onnx/graph.ts';
import type { Device } from './devices.ts';

/** An fp32 or int64 array with its shape, as graphs take and give them. */
export interface InputArray {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

export interface GraphSessionOptions {
  readonly device: Device;
  readonly threads: number;
  /** Folder from which the graph's weights are named. */
  readonly root: string;
  /**
   * Let ONNX Runtime compute constant parts once, when it loads the graph. Right for small kernels that are sliced;
   * wrong for large half-precision weights, whose fp32 copies would then stay in memory.
   */
  readonly foldConstants?: boolean;
  /**
   * Keep memory between operators and runs instead of giving it back, until the session is released. Right for large arrays that come and
   * go within one run: the system zeroes each page that it gives.
   */
  readonly arena?: boolean;
  /** Lay weights out for the processor when the graph is loaded. Those that were laid out before are mapped then, and not copied. */
  readonly prepack?: boolean;
}

/** A graph that is loaded on a device. */
export interface GraphSession {
  /** What `run` must be given. */
  readonly inputNames: readonly string[];
  /** Computes the graph. It blocks the thread until it is done. */
  run(feeds: Readonly<Record<string, InputArray>>): Promise<Record<string, FloatArray>>;
  release(): Promise<void>;
}

/**
 * Loads a graph. Weights stay in their files: they are memory-mapped, and neither prepacked nor copied, but for those that were
 * prepacked when they were prepared.
 * Throws AppError `engine_failed` or `out_of_memory`, with ONNX Runtime's words.
 */
export async function createGraphSession(graph: Graph, options: GraphSessionOptions): Promise<GraphSession> {
  const fold = options.foldConstants === true;
  const session = await guard(() =>
    InferenceSession.create(graph.serialize(), {
      ...options.device.sessionOptions,
      // A pattern would be a second block of the size of the whole run, beside what the first run has left.
      ...(options.arena === true ? { enableCpuMemArena: true, enableMemPattern: false } : {}),
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: options.root,
          // Every session has threads of its own: those of the last segment would spin on the cores of this one.
          'intra_op.allow_spinning': '0',
          // Numbers below 1e-38 slow some processors down, and sharp attention can have many: docs/PERFORMANCE.md has figures.
          set_denormal_as_zero: '1',
          // With it, ONNX Runtime would also copy the weights that lie in a checkpoint into a layout of its own.
          disable_prepacking: fold || options.prepack === true ? '0' : '1',
        },
        optimization: { disable_specified_optimizers: fold ? '' : 'ConstantFolding' },
      },
    }),
  );
  return {
    inputNames: session.inputNames,
    async run(feeds) {
      const tensors: Record<string, Tensor> = {};
      for (const [name, { data, dims }] of Object.entries(feeds)) {
        tensors[name] =
          data instanceof Float32Array ? new Tensor('float32', data, dims) : new Tensor('int64', data, dims);
      }
      const results = await guard(() => session.run(tensors));
      const out: Record<string, FloatArray> = {};
      for (const [name, tensor] of Object.entries(results)) {
        if (tensor.data instanceof Float32Array)
          out[name.slice(0, -OUTPUT_SUFFIX.length)] = { data: tensor.data, dims: tensor.dims };
      }
      return out;
    },
    release: () => session.release(),
  };
}

async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const memory = /bad.?alloc|failed to allocate|out of memory|BFCArena/i.test(message);
    throw new AppError(memory ? 'out_of_memory' : 'engine_failed', `ONNX Runtime: ${message}`, { cause });
  }
}
