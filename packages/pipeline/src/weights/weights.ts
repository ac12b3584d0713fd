import { closeSync, openSync, readSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { toFloat32 } from './convert.ts';
import { readSafetensorsHeader, type TensorInfo } from './safetensors.ts';
import { readJsonFile } from './text-file.ts';

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

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens `<dir>/<stem>.safetensors` or the shards named by `<dir>/<stem>.safetensors.index.json`.
 * A shard's name must be a plain file name: an index cannot point out of the folder. Links are followed, as in
 * Hugging Face's cache. Throws AppError `model_incomplete`, `model_corrupt` or `model_unsupported`.
 */
export async function openWeights(dir: string, stem: string): Promise<Weights> {
  const component = basename(dir);
  const index = await readIndex(dir, stem, component);
  const files = index === undefined ? [`${stem}.safetensors`] : [...new Set(Object.values(index))];
  const tensors = new Map<string, TensorInfo>();
  const unsupported = new Map<string, string>();
  for (const file of files) {
    const header = await readSafetensorsHeader(await locate(dir, file, component));
    for (const info of header.tensors) {
      if (index === undefined || index[info.name] === file) tensors.set(info.name, info);
    }
    for (const [name, dtype] of header.unsupported) unsupported.set(name, dtype);
  }
  const missing = Object.keys(index ?? {}).find((name) => !tensors.has(name) && !unsupported.has(name));
  if (missing !== undefined) {
    throw new AppError(
      'model_corrupt',
      `${component}: the index promises ${missing}, but ${index?.[missing]} does not hold it.`,
    );
  }
  return weightsOf(component, tensors, unsupported);
}

async function readIndex(dir: string, stem: string, component: string): Promise<Record<string, string> | undefined> {
  const file = `${stem}.safetensors.index.json`;
  const json = await readJsonFile(dir, file, `${component}/${file}`);
  if (json === undefined) return undefined;
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success) throw new AppError('model_corrupt', `${component}/${file} has no weight_map.`);
  return parsed.data.weight_map;
}

async function locate(dir: string, file: string, component: string): Promise<string> {
  if (file === '' || file === '.' || file === '..' || /[/\\\0]/.test(file)) {
    throw new AppError(
      'model_corrupt',
      `${component}: the index names ${JSON.stringify(file)}, which is no file of this folder.`,
    );
  }
  const path = join(dir, file);
  const isFile = await stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
  if (!isFile) throw new AppError('model_incomplete', `${component}/${file} is missing.`);
  return realpath(path);
}

function weightsOf(component: string, tensors: Map<string, TensorInfo>, unsupported: Map<string, string>): Weights {
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
          );
        }
        throw new AppError('model_incomplete', `${component}: the weight ${name} is missing.`);
      }
      if (info.shape.length !== shape.length || info.shape.some((side, i) => side !== shape[i])) {
        throw new AppError(
          'model_corrupt',
          `${component}: ${name} is [${info.shape}], the configuration asks for [${shape}].`,
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
            throw new AppError('model_corrupt', `${component}: ${basename(info.path)} was cut off while it was read.`);
          done += count;
        }
      } finally {
        closeSync(fd);
      }
      return toFloat32(bytes, info.dtype);
    },
  };
}
