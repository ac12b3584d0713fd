import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { toFloat32 } from './convert.ts';
import { FETCH_AGAIN, FULL_PRECISION, ONE_REVISION } from './remedies.ts';
import type { TensorInfo } from './safetensors.ts';

/** The tensors of one component of a checkpoint, by name. Only headers are read until a tensor is asked for. */
export interface Weights {
  /** Folder name of the component, for messages. */
  readonly component: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Whether there is a tensor of this name, of whatever type. */
  has(name: string): boolean;
  /** The tensor `name`, checked to have `shape`. Throws AppError `model_incomplete`, `model_corrupt` or `model_unsupported`. */
  get(name: string, shape: readonly number[]): TensorInfo;
  /** Reads a tensor and widens it to fp32. */
  read(info: TensorInfo): Float32Array;
}

/** The weights of a component whose headers were read; `unsupported` has the types of the tensors that are not in `tensors`. */
export function createWeights(
  component: string,
  tensors: ReadonlyMap<string, TensorInfo>,
  unsupported: ReadonlyMap<string, string>,
): Weights {
  return {
    component,
    tensors,
    has: (name) => tensors.has(name) || unsupported.has(name),
    get(name, shape) {
      const info = tensors.get(name);
      if (info === undefined) {
        const dtype = unsupported.get(name);
        if (dtype !== undefined) {
          throw new AppError(
            'model_unsupported',
            `${component}: ${name} is stored as ${dtype}; F32, F16 and BF16 are supported.`,
            { hint: FULL_PRECISION },
          );
        }
        throw new AppError('model_incomplete', `${component}: the weight ${name} is missing.`, { hint: ONE_REVISION });
      }
      if (info.shape.length !== shape.length || info.shape.some((side, i) => side !== shape[i])) {
        throw new AppError(
          'model_corrupt',
          `${component}: ${name} is [${info.shape}], the configuration asks for [${shape}].`,
          { hint: ONE_REVISION },
        );
      }
      return info;
    },
    read(info) {
      const bytes = new Uint8Array(info.byteLength);
      const fd = openSync(info.path, 'r');
      try {
        let done = 0;
        while (done < bytes.length) {
          const count = readSync(fd, bytes, done, bytes.length - done, info.offset + done);
          if (count === 0)
            throw new AppError('model_corrupt', `${component}: ${basename(info.path)} was cut off while it was read.`, {
              hint: FETCH_AGAIN,
            });
          done += count;
        }
      } finally {
        closeSync(fd);
      }
      return toFloat32(bytes, info.dtype);
    },
  };
}
