import { AppError } from '@qwen-edit/contract';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FloatArray } from '../arrays.ts';
import { type Graph, OUTPUT_SUFFIX } from '../onnx/graph.ts';
import { toEngineError } from './device-faults.ts';
import type { Device } from './devices.ts';

/** An fp32 or int64 array with its shape, as graphs take and give them. */
export interface InputArray {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

/** An output that has stayed in the memory of a device, for sessions on the same one. */
export interface DeviceArray {
  readonly dims: readonly number[];
  readonly tensor: Tensor;
  /** Gives its memory back. It cannot be used after that. */
  release(): void;
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
  /**
   * Leave outputs in the memory of a device that keeps them. A value cannot be read from there: the session whose outputs are wanted
   * must not have this.
   */
  readonly keepOutputs?: boolean;
  /** Lay weights out for the processor when the graph is loaded. Those that were laid out before are mapped then, and not copied. */
  readonly prepack?: boolean;
}

/** A graph that is loaded on a device. */
export interface GraphSession {
  /** What `run` must be given. */
  readonly inputNames: readonly string[];
  /** Computes the graph. It blocks the thread until it is done. */
  run(feeds: Readonly<Record<string, InputArray | DeviceArray>>): Promise<Record<string, FloatArray>>;
  /** The same for outputs that stay on the device, if the session was opened so; else they are on the host. */
  runKeeping(
    feeds: Readonly<Record<string, InputArray | DeviceArray>>,
  ): Promise<Record<string, FloatArray | DeviceArray>>;
  release(): Promise<void>;
}

/**
 * Loads a graph. Weights stay in their files: they are memory-mapped, and neither prepacked nor copied, but for those that were
 * prepacked when they were prepared.
 * Throws AppError `device_unavailable`, `device_lost`, `out_of_memory` or `engine_failed`, with ONNX Runtime's words.
 */
export async function createGraphSession(graph: Graph, options: GraphSessionOptions): Promise<GraphSession> {
  const { device } = options;
  const fold = options.foldConstants === true || device.foldsCasts;
  const keeps = options.keepOutputs === true && device.keepsOutputs;
  const session = await guard(device, () =>
    InferenceSession.create(graph.serialize(), {
      ...device.sessionOptions,
      ...(keeps ? { preferredOutputLocation: 'gpu-buffer' as const } : {}),
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
  const runKeeping: GraphSession['runKeeping'] = async (feeds) => {
    const tensors = Object.entries(feeds).map(([name, value]) => [name, tensorOf(value)] as const);
    const results = await guard(device, () => session.run(Object.fromEntries(tensors)));
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name.slice(0, -OUTPUT_SUFFIX.length), arrayOf(tensor)]),
    );
  };
  return {
    inputNames: session.inputNames,
    runKeeping,
    async run(feeds) {
      const results = Object.entries(await runKeeping(feeds));
      return Object.fromEntries(results.map(([name, value]) => [name, onHost(name, value)]));
    },
    release: () => session.release(),
  };
}

function tensorOf(value: InputArray | DeviceArray): Tensor {
  if ('tensor' in value) return value.tensor;
  const { data, dims } = value;
  return data instanceof Float32Array ? new Tensor('float32', data, dims) : new Tensor('int64', data, dims);
}

function arrayOf(tensor: Tensor): FloatArray | DeviceArray {
  const { dims } = tensor;
  if (tensor.location === 'gpu-buffer') return { dims, tensor, release: () => tensor.dispose() };
  if (tensor.data instanceof Float32Array) return { data: tensor.data, dims };
  throw new AppError('internal', `A graph gives ${tensor.type} numbers.`);
}

/** Throws AppError `internal` for a value that is not on the host. */
export function onHost(name: string, value: FloatArray | DeviceArray): FloatArray {
  if ('data' in value) return value;
  throw new AppError('internal', `The value ${name} is on the device, and cannot be read from there.`);
}

async function guard<T>(device: Device, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw toEngineError(cause, device);
  }
}
