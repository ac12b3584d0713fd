import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import { errorCode } from '@qwen-edit/files';
import type { LoraFile } from '../types.ts';
import { fileDigest } from '../weights/file-digest.ts';
import { readSafetensorsHeader, type TensorInfo, type WeightFileHeader } from '../weights/safetensors.ts';
import { createWeights, type Weights } from '../weights/weights.ts';
import { architectureOf } from './foreign-loras.ts';
import { loraKeyOf, otherKindOf } from './lora-keys.ts';
import { factorOfMetadata, type LoraMetadata, readLoraMetadata } from './lora-metadata.ts';

/** The linear layers that a LoRA may change: name -> [n, k], outputs and inputs. */
export type LoraTargets = ReadonlyMap<string, readonly [number, number]>;

/** The layers of a component that are matrices. */
export function targetsOf(weights: Weights): LoraTargets {
  const targets = new Map<string, readonly [number, number]>();
  for (const { name, shape } of weights.tensors.values()) {
    const [n, k] = shape;
    if (name.endsWith(WEIGHT) && shape.length === 2 && n !== undefined && k !== undefined)
      targets.set(name.slice(0, -WEIGHT.length), [n, k]);
  }
  return targets;
}

/** What a LoRA adds to a layer: up · down · factor, to a weight [n, k]. */
export interface LoraLayer {
  readonly rank: number;
  /** alpha / rank, 1 without an alpha. */
  readonly factor: number;
  /** [rank, k] */
  readonly down: Float32Array;
  /** [n, rank] */
  readonly up: Float32Array;
}

/** A LoRA whose header was read and fits the model. A layer's numbers are read when they are asked for. */
export interface OpenedLora {
  readonly layers: ReadonlyMap<string, () => LoraLayer>;
}

/** A LoRA that fits the model. */
export interface Lora {
  readonly file: string;
  readonly sha256: string;
  readonly layers: ReadonlyMap<string, LoraLayer>;
  /** That its numbers take in memory. */
  readonly bytes: number;
}

const WEIGHT = '.weight';
/** The largest rank that is read: more is no thin matrix any more. */
const MOST_RANK = 4096;

/** Reads a LoRA, or those of its layers that are wanted, and checks that it fits. Throws what openLora throws. */
export async function readLora(
  file: Omit<LoraFile, 'scale'>,
  targets: LoraTargets,
  isWanted: (layer: string) => boolean = () => true,
): Promise<Lora> {
  const opened = await openLora(file, targets);
  const wanted = [...opened.layers].filter(([name]) => isWanted(name));
  const layers = new Map(wanted.map(([name, read]) => [name, read()]));
  const bytes = [...layers.values()].reduce((sum, { down, up }) => sum + down.byteLength + up.byteLength, 0);
  // The file may have gone meanwhile.
  const sha256 = await fileDigest(file.path).catch((thrown: unknown) => {
    throw asLoraError(file.label, thrown);
  });
  return { file: basename(file.path), sha256, layers, bytes };
}

/**
 * Opens a LoRA and checks that it fits. Throws AppError `lora_not_found` for a file that is not there or may not be read, `lora_invalid` for
 * one that is damaged, of another format or of another kind of adapter, and `lora_mismatch` for one that was made for another model. Reading
 * a layer throws `lora_invalid` for numbers that are none.
 */
export async function openLora({ label, path }: Omit<LoraFile, 'scale'>, targets: LoraTargets): Promise<OpenedLora> {
  const file = basename(path);
  await requireFile(path, label);
  try {
    const header = await readSafetensorsHeader(path, file);
    const found = findLayers(label, header, targets);
    const weights = createWeights(file, new Map(header.tensors.map((info) => [info.name, info])), header.unsupported);
    const metadata = readLoraMetadata(header.metadata);
    return {
      layers: new Map(
        [...found].map(([name, parts]) => [name, () => readLayer(label, name, parts, weights, metadata)]),
      ),
    };
  } catch (thrown) {
    throw asLoraError(label, thrown);
  }
}

async function requireFile(path: string, label: string): Promise<void> {
  const isFile = await stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
  if (!isFile) throw new AppError('lora_not_found', `The file of the LoRA ${label} is not there.`);
}

/** The tensors of a layer. */
interface Parts {
  down?: TensorInfo;
  up?: TensorInfo;
  alpha?: TensorInfo;
}

/** Throws for every key that is none of a LoRA for this model. */
function findLayers(label: string, header: WeightFileHeader, targets: LoraTargets): Map<string, Parts> {
  const refuse = (what: string): never => {
    throw new AppError('lora_invalid', `The LoRA ${label} ${what}.`);
  };
  const names = [...header.tensors.map(({ name }) => name), ...header.unsupported.keys()];
  if (names.length === 0) refuse('is empty');
  for (const name of names) {
    const kind = otherKindOf(name);
    if (kind !== undefined) refuse(`has ${kind} (${name}), which is not supported`);
  }
  for (const [name, dtype] of header.unsupported) refuse(`stores ${name} as ${dtype}; F32, F16 and BF16 are supported`);
  const byFlatName = new Map([...targets.keys()].map((name) => [flat(name), name]));
  const found = new Map<string, Parts>();
  const unknown: string[] = [];
  for (const info of header.tensors) {
    const key = loraKeyOf(info.name);
    if (key === undefined) return refuse(`has ${info.name}, which is no key of a layout that is known`);
    const name = byFlatName.get(flat(key.layer));
    if (name === undefined) unknown.push(key.layer);
    else {
      const parts = found.get(name) ?? {};
      if (parts[key.part] !== undefined) refuse(`has ${key.part} of ${name} twice`);
      parts[key.part] = info;
      found.set(name, parts);
    }
  }
  const [foreign] = unknown;
  if (foreign !== undefined) throw mismatch(label, foreign, new Set(unknown).size, found.size);
  for (const [name, { down, up }] of found)
    if (down === undefined || up === undefined) refuse(`has only one of the two matrices of ${name}`);
  for (const [name, parts] of found) checkShapes(label, name, parts, targets.get(name)!);
  return found;
}

/** As kohya's layout writes a name. */
const flat = (name: string): string => name.replaceAll('.', '_');

function mismatch(label: string, layer: string, unknown: number, known: number): AppError {
  const architecture = architectureOf(layer);
  const what =
    architecture === undefined
      ? `has ${unknown} layers that this model does not have, as ${layer}`
      : `was made for ${architecture}: it has layers as ${layer}`;
  const some = known > 0 && architecture === undefined ? `, and ${known} that it has` : '';
  return new AppError('lora_mismatch', `The LoRA ${label} ${what}${some}.`);
}

function checkShapes(label: string, name: string, { down, up, alpha }: Parts, [n, k]: readonly [number, number]): void {
  const [rank = 0, inputs] = matrix(down!.shape);
  const [outputs, upRank] = matrix(up!.shape);
  if (inputs === undefined || outputs === undefined || upRank === undefined)
    throw new AppError('lora_invalid', `The LoRA ${label} has something else than matrices for ${name}.`);
  if (rank !== upRank || rank < 1 || rank > MOST_RANK)
    throw new AppError(
      'lora_invalid',
      `The LoRA ${label} has the ranks ${rank} and ${upRank} in the two matrices of ${name}; they must be equal, and from 1 to ${MOST_RANK}.`,
    );
  if (alpha?.shape.some((side) => side !== 1))
    throw new AppError('lora_invalid', `The LoRA ${label} has an alpha of ${name} that is no single number.`);
  if (inputs !== k || outputs !== n)
    throw new AppError(
      'lora_mismatch',
      `The LoRA ${label} changes ${name} from ${inputs} to ${outputs} channels; this model has ${k} and ${n} there.`,
    );
}

/** A shape without the sides of 1 that convolutions have behind a matrix. */
function matrix(shape: readonly number[]): readonly number[] {
  return shape.length > 2 && shape.slice(2).every((side) => side === 1)
    ? shape.slice(0, 2)
    : shape.length === 2
      ? shape
      : [];
}

function readLayer(label: string, name: string, parts: Parts, weights: Weights, metadata: LoraMetadata): LoraLayer {
  const read = (info: TensorInfo): Float32Array => {
    const values = widened(label, weights, info);
    if (!areFinite(values))
      throw new AppError(
        'lora_invalid',
        `The LoRA ${label} has numbers in ${info.name} that are none (NaN or infinity).`,
      );
    return values;
  };
  const down = read(parts.down!);
  const up = read(parts.up!);
  const rank = parts.down!.shape[0]!;
  const alpha = parts.alpha === undefined ? undefined : read(parts.alpha)[0];
  // A file that says both means both: so does diffusers.
  const own = alpha === undefined ? 1 : alpha / rank;
  return { rank, factor: own * factorOfMetadata(metadata, name, rank), down, up };
}

/** Reads a tensor of a file that may have gone since its header was read. */
function widened(label: string, weights: Weights, info: TensorInfo): Float32Array {
  try {
    return weights.read(info);
  } catch (thrown) {
    throw asLoraError(label, thrown);
  }
}

/** Many times faster than a call for each number. */
function areFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < Number.POSITIVE_INFINITY)) return false;
  return true;
}

/** What is wrong with a file of weights, in words of a LoRA. */
function asLoraError(label: string, thrown: unknown): AppError {
  const error = toAppError(thrown);
  const isGone = error.message.includes('cannot be read') || errorCode(thrown) === 'ENOENT';
  if (!isGone && !/^model_/.test(error.code)) return error;
  const code = isGone ? 'lora_not_found' : 'lora_invalid';
  // Remedies for a whole model are none for a LoRA.
  const hint = /--model|model pull|model verify|model folder/.test(error.hint) ? {} : { hint: error.hint };
  return new AppError(code, `The LoRA ${label}: ${error.message}`, { ...hint, cause: thrown });
}
