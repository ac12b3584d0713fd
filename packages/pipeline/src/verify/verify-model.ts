import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { resolveEditConfig } from '../hub/edit-config.ts';
import { readModelCard } from '../hub/model-card.ts';
import { checkFit, openModelFolder, readModelIndex, readProcessor, readTokenizer } from '../hub/model-folder.ts';
import { checkConfig, readRequiredJson } from '../hub/read-json.ts';
import { schedulerSchema } from '../hub/scheduler-config.ts';
import { textEncoderSchema } from '../hub/text-encoder-config.ts';
import { transformerSchema } from '../hub/transformer-config.ts';
import { vaeSchema } from '../hub/vae-config.ts';
import { surveyWeights, type WeightsSurvey } from '../weights/open-weights.ts';
import { FETCH_AGAIN, FETCH_MISSING } from '../weights/remedies.ts';
import { readJsonFile } from '../weights/text-file.ts';
import { checkContents, type VerifyProgress } from './check-contents.ts';
import { checkShards } from './check-shards.ts';
import { checkTensors } from './check-tensors.ts';
import { createFindings, type Findings, type ModelFinding } from './model-finding.ts';
import { recordedDigests } from './recorded-digests.ts';
import { type GraphBuilder, textEncoderGraphs, transformerGraphs, vaeGraphs } from './required-tensors.ts';

/** A file as its source says it is. */
export interface ExpectedFile {
  readonly size: number;
  readonly sha256: string | null;
}

export interface VerifyOptions {
  /** The files of the model by path with slashes, as its source lists them. Without it, what the download recorded counts. */
  readonly expected?: ReadonlyMap<string, ExpectedFile> | undefined;
  /** `headers`: everything but what the weights are; takes less than a second. `contents`: reads all files once. */
  readonly depth: 'headers' | 'contents';
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/**
 * Lists everything that is wrong with a model folder; an empty list is a whole model, which openModelFolder opens. Rejects with
 * AppError `canceled` when the signal aborts.
 *
 * @example
 * const findings = await verifyModel('/models/Qwen-Image-Edit-2511', { depth: 'contents', signal });
 */
export async function verifyModel(dir: string, options: VerifyOptions): Promise<ModelFinding[]> {
  const findings = createFindings();
  await findings.attempt('model_index.json', () => readModelIndex(dir));
  const [foreign] = findings.all;
  // What is no model of ours has no parts to look at.
  if (foreign !== undefined) return [{ ...foreign, file: isThere(foreign) ? foreign.file : null }];

  const surveys = await checkParts(dir, findings);
  const expected = options.expected ?? new Map<string, ExpectedFile>();
  await checkSizes(dir, expected, findings);
  stopIfAborted(options.signal);
  if (options.depth === 'contents') {
    const digests = await recordedDigests(dir);
    for (const [file, { sha256 }] of expected) if (sha256 !== null) digests.set(file, sha256);
    const weightFiles = surveys.flatMap(({ files }) => files);
    await checkContents({ dir, weightFiles, digests }, findings, options);
  }
  // Whatever else a load would refuse.
  if (findings.all.length === 0) await findings.attempt(null, () => openModelFolder(dir));
  return [...findings.all];
}

/** Whether the finding is about a model_index.json that is there. */
function isThere({ code, message }: ModelFinding): boolean {
  return code !== 'model_not_found' && message.startsWith('model_index.json');
}

/** Throws AppError `canceled`. */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('canceled', 'The check of the model was stopped.');
}

/** Configurations, tokenizer and the headers of all weights, and whether they fit together. */
async function checkParts(dir: string, findings: Findings): Promise<WeightsSurvey[]> {
  const config = <T>(schema: Parameters<typeof checkConfig<T>>[0], file: string): Promise<T | undefined> =>
    findings.attempt(file, async () => checkConfig(schema, await readRequiredJson(dir, file), file));
  const text = await config(textEncoderSchema, 'text_encoder/config.json');
  const transformer = await config(transformerSchema, 'transformer/config.json');
  const vae = await config(vaeSchema, 'vae/config.json');
  await config(schedulerSchema, 'scheduler/scheduler_config.json');
  const processor = await findings.attempt('processor/preprocessor_config.json', () => readProcessor(dir));
  await findings.attempt('tokenizer/tokenizer.json', async () => {
    const { file, config: tokenizerConfig } = await readTokenizer(dir);
    // Its library is loaded late: programs that never verify a model may be without it.
    const { createPromptEncoder } = await import('../text/prompt.ts');
    createPromptEncoder(file, tokenizerConfig);
  });
  await findings.attempt('edit_config.json', async () => {
    resolveEditConfig((await readJsonFile(dir, 'edit_config.json')) ?? {});
  });
  await findings.attempt('model_card.json', () => readModelCard(dir));
  if (text !== undefined && transformer !== undefined && vae !== undefined && processor !== undefined)
    await findings.attempt(null, () => checkFit(text, transformer, vae, processor));

  const survey = async (part: string, stem: string, build: GraphBuilder | undefined): Promise<WeightsSurvey> => {
    const found = await surveyWeights(join(dir, part), stem);
    for (const { file, error } of found.problems) findings.add(file, error);
    checkShards(found, findings);
    if (build !== undefined) await checkTensors(build, found, findings);
    return found;
  };
  return [
    await survey('text_encoder', 'model', text && textEncoderGraphs(text)),
    await survey('transformer', 'diffusion_pytorch_model', transformer && transformerGraphs(transformer)),
    await survey('vae', 'diffusion_pytorch_model', vae && vaeGraphs(vae)),
  ];
}

/** Compares sizes with those that the source lists. */
async function checkSizes(dir: string, expected: ReadonlyMap<string, ExpectedFile>, findings: Findings): Promise<void> {
  for (const [file, { size }] of expected) {
    const found = await stat(join(dir, file)).then(
      (facts) => facts.size,
      () => undefined,
    );
    if (found === size) continue;
    const error =
      found === undefined
        ? new AppError('model_incomplete', `${file} is missing.`, { hint: FETCH_MISSING })
        : new AppError('model_corrupt', `${file} has ${found} bytes, it should have ${size}.`, { hint: FETCH_AGAIN });
    findings.addIfNew(file, error);
  }
}
