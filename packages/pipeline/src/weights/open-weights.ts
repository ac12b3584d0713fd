import { basename } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import { ONE_REVISION } from './remedies.ts';
import { readSafetensorsHeader, type TensorInfo, type WeightFileHeader } from './safetensors.ts';
import { foreignTensors } from './tensor-formats.ts';
import { findMainFile, locateWeightFile, readShardIndex, type ShardIndex } from './weight-files.ts';
import { createWeights, type Weights } from './weights.ts';
import { probeForZeros } from './zero-probes.ts';

/** A weight file of a component, whose header was read. */
export interface OpenedWeightFile {
  /** For messages: `transformer/diffusion_pytorch_model.safetensors`. */
  readonly label: string;
  /** Real path, links resolved. */
  readonly path: string;
  readonly tensors: readonly TensorInfo[];
}

/** Something that is wrong with a file of a component. */
export interface WeightProblem {
  /** `transformer/diffusion_pytorch_model.safetensors` */
  readonly file: string;
  readonly error: AppError;
}

/** A component's weights as far as they can be read, and everything that is wrong with their files. */
export interface WeightsSurvey {
  readonly weights: Weights;
  readonly index: ShardIndex | undefined;
  readonly files: readonly OpenedWeightFile[];
  readonly problems: readonly WeightProblem[];
}

/**
 * Opens the weight files of a component (see findMainFile), and looks for parts that were never written, as probeForZeros
 * does. Throws AppError `model_incomplete`, `model_corrupt` or `model_unsupported`, with what is wrong first.
 */
export async function openWeights(dir: string, stem: string): Promise<Weights> {
  const { weights, problems } = await surveyWeights(dir, stem);
  const [first] = problems;
  if (first !== undefined) throw first.error;
  return weights;
}

/** As openWeights, but tells of everything that is wrong, and throws nothing of it. */
export async function surveyWeights(dir: string, stem: string): Promise<WeightsSurvey> {
  const component = basename(dir);
  const problems: WeightProblem[] = [];
  const attempt = async <T>(file: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      problems.push({ file: `${component}/${file}`, error: toAppError(thrown) });
      return undefined;
    }
  };
  const main = await attempt(`${stem}.safetensors`, () => findMainFile(dir, stem, component));
  const index =
    main?.isIndex === true ? await attempt(main.name, () => readShardIndex(dir, main.name, component)) : undefined;
  const single = main?.isIndex === false ? [main.name] : [];

  const tensors = new Map<string, TensorInfo>();
  const unsupported = new Map<string, string>();
  const files: OpenedWeightFile[] = [];
  for (const name of index === undefined ? single : new Set(Object.values(index.weightMap))) {
    const label = `${component}/${name}`;
    const opened = await attempt(name, async () => {
      const path = await locateWeightFile(dir, name, component);
      return { path, header: await readSafetensorsHeader(path, label) };
    });
    if (opened === undefined) continue;
    const { path, header } = opened;
    files.push({ label, path, tensors: header.tensors });
    for (const info of header.tensors) {
      if (index === undefined || index.weightMap[info.name] === name) tensors.set(info.name, info);
    }
    for (const [tensor, dtype] of header.unsupported) unsupported.set(tensor, dtype);
    await attempt(name, () => checkFile(path, label, header));
  }
  if (index !== undefined) {
    const held = new Set([...tensors.keys(), ...unsupported.keys()]);
    problems.push(...brokenPromises(component, index, held, new Set(files.map(({ label }) => label))));
  }
  return { weights: createWeights(component, tensors, unsupported), index, files, problems };
}

/** Throws what can be seen to be wrong with a file whose header is right. */
async function checkFile(path: string, label: string, header: WeightFileHeader): Promise<void> {
  const others = [...header.unsupported].map(([name, dtype]) => ({ name, dtype }));
  const error =
    foreignTensors([...header.tensors, ...others], label) ?? (await probeForZeros(path, label, header.tensors));
  if (error !== undefined) throw error;
}

/** One problem for each file that was opened and lacks a tensor which the index has in it. */
function brokenPromises(
  component: string,
  { weightMap }: ShardIndex,
  held: ReadonlySet<string>,
  opened: ReadonlySet<string>,
): WeightProblem[] {
  const lacking = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap)) {
    if (!held.has(name) && opened.has(`${component}/${file}`) && !lacking.has(file)) lacking.set(file, name);
  }
  return [...lacking].map(([file, name]) => ({
    file: `${component}/${file}`,
    error: new AppError('model_corrupt', `${component}: the index promises ${name}, but ${file} does not hold it.`, {
      hint: ONE_REVISION,
    }),
  }));
}
