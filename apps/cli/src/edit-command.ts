import { availableParallelism } from 'node:os';
import { timeLimit } from '@qwen-edit/async';
import { AppError, devicesKey, toAppError } from '@qwen-edit/contract';
import type { HubSettings } from '@qwen-edit/hub';
import type { EditResult, Pipeline, PipelineOptions, Preparing } from '@qwen-edit/pipeline';
import { demoNote } from './demo-note.ts';
import type { DeviceConfig } from './devices/choose-engines.ts';
import { kindOf } from './devices/parse-engines.ts';
import { type EditFlags, parseEditFlags } from './edit-flags.ts';
import { isOnProcessor, memoryOfEdits } from './engine-share.ts';
import { EDIT_HELP } from './help.ts';
import { weightCacheDir } from './model/cache-folders.ts';
import type { ChosenModel } from './model/choose-model.ts';
import type { HubConfig } from './model/hub-settings.ts';
import type { LoraConfig } from './model/loras.ts';
import { outputPaths } from './output-paths.ts';
import { precisionOf } from './precision-setting.ts';
import { preparingNote } from './preparing-note.ts';
import type { ProgressBar } from './progress-bar.ts';
import { readImages } from './read-images.ts';
import type { Config } from './settings.ts';
import { progressBarFor, type Terminal } from './terminal.ts';
import { checkWritable, writeOutputs } from './write-outputs.ts';

export interface EditDeps {
  readonly terminal: Terminal;
  readonly config: Pick<
    Config,
    'model' | 'modelDir' | 'maxCpuThreads' | 'maxMemoryBytes' | 'nice' | 'noColor' | 'dtype' | 'weightCacheDir'
  > &
    LoraConfig &
    DeviceConfig &
    HubConfig;
  readonly demoModelDir: string;
  readonly createPipeline: (options: PipelineOptions) => Promise<Pipeline>;
  readonly now: () => number;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** How long a stopped edit waits for its engine to end. The engine also ends by itself after this process has ended. */
const CLOSE_MS = 200;

/** `qwen-edit edit`. Throws AppError: `canceled` if the signal was aborted; then no file is left behind. */
export async function editCommand(args: readonly string[], deps: EditDeps): Promise<void> {
  const flags = parseEditFlags(args);
  if (flags.help) {
    deps.terminal.out(EDIT_HELP);
    return;
  }

  // 1. Find every mistake that needs no model before the model is loaded.
  const count = flags.parameters.num_images_per_prompt ?? 1;
  await checkWritable(outputPaths(flags.out, count));
  const images = await readImages(flags.images);

  // 2. Edit.
  const { chosen, dir, hub } = await findModel(flags, deps);
  const bar = progressBarFor(deps);
  const result = await runEdit(flags, images, { dir, hub }, bar, deps)
    .catch(async (thrown: unknown) => {
      const { explainMissing } = await import('./model/choose-model.ts');
      throw await explainMissing(toAppError(thrown), chosen);
    })
    .finally(bar.end);

  // 3. Write the files, then say what was written.
  const paths = outputPaths(flags.out, result.outputs.length);
  await writeOutputs(
    result.outputs.map(({ bytes }, i) => ({ path: paths[i] ?? flags.out, bytes })),
    deps.signal,
  );
  for (const warning of result.warnings) deps.terminal.err(`warning: ${warning}\n`);
  deps.terminal.out(flags.json ? resultJson(result, paths) : resultText(result, paths));
}

interface FoundModel {
  readonly dir: string;
  readonly hub: HubSettings;
}

/** The model's folder; nothing is downloaded. Its code is loaded here, so that --help is answered at once. */
async function findModel(
  flags: EditFlags,
  { config, demoModelDir }: EditDeps,
): Promise<FoundModel & { readonly chosen: ChosenModel }> {
  const { chooseModel, requireChosen } = await import('./model/choose-model.ts');
  const { hubSettings } = await import('./model/hub-settings.ts');
  const chosen = await chooseModel({ flag: flags.model, config, demoModelDir });
  const hub = await hubSettings(config);
  return { chosen, hub, dir: await requireChosen(chosen, hub) };
}

async function runEdit(
  flags: EditFlags,
  images: Uint8Array[],
  { dir: modelDir, hub }: FoundModel,
  bar: ProgressBar,
  deps: EditDeps,
): Promise<EditResult> {
  const { signal, config } = deps;
  const { onStep } = bar;
  const { chooseDevice } = await import('./devices/choose-device.ts');
  const { createCardLook } = await import('./devices/machine-cards.ts');
  const {
    places,
    deviceMemoryBytes,
    notes: said,
  } = await chooseDevice(flags.device, config, {
    modelDir,
    look: createCardLook(config),
  });
  const kind = kindOf(places);
  const { precision, note } =
    flags.precision === undefined ? precisionOf(config, kind) : { precision: flags.precision };
  const threads = config.maxCpuThreads ?? availableParallelism();
  const { availableMemory } = await import('@qwen-edit/pipeline');
  const { costNotes, knownCost } = await import('./cost-note.ts');
  const { requireMemoryForEdit } = await import('./memory-limit.ts');
  const memoryBytes = memoryOfEdits(config, await availableMemory());
  const cost = knownCost(images, flags.parameters);
  if (isOnProcessor(places)) await requireMemoryForEdit({ modelDir, precision, cost }, config, memoryBytes);
  const onPreparing = (what: Preparing): void => {
    if (flags.json) return;
    bar.clear();
    deps.terminal.err(`note: ${preparingNote(what)}\n`);
  };
  const machine = { threads, memoryBytes, deviceMemoryBytes, weightCacheDir: weightCacheDir(config) };
  // What every worker does before it serves: the driver of a graphics card may have wrong kernels.
  const proof = flags.device === undefined && isOnProcessor(places) ? {} : { selfTestDir: deps.demoModelDir };
  const onTrouble = ({ message }: AppError): void => {
    if (flags.json) return;
    bar.clear();
    deps.terminal.err(`warning: ${message}\n`);
  };
  const device = devicesKey(places);
  const { createLoras } = await import('./model/loras.ts');
  const { fixed: loras, resolverFor } = createLoras(config, hub, { anything: true });
  const resolveLora = resolverFor(modelDir);
  const options = {
    ...{ modelDir, device, precision, resolveLora, loras },
    ...{ ...machine, ...proof, onPreparing, onStep, onTrouble },
  };
  const pipeline = await unlessAborted(deps.createPipeline(options), signal);
  const cards = deviceMemoryBytes && { device_memory_bytes: deviceMemoryBytes };
  const machineFacts = { memory_bytes: memoryBytes, ...cards, threads };
  const costs = costNotes(pipeline.model, cost, machineFacts);
  const notes = [demoNote(pipeline.model), ...[...said, note, ...costs].map((each) => each && `note: ${each}`)];
  if (!flags.json) {
    bar.clear();
    for (const each of notes) if (each !== undefined) deps.terminal.err(`${each}\n`);
  }
  try {
    const edit = pipeline.edit({ images, parameters: flags.parameters }, { signal, onStep });
    const result = await unlessAborted(edit, signal);
    // What was said before the edit is not said again beside its result.
    return flags.json ? result : { ...result, warnings: result.warnings.filter((each) => !costs.includes(each)) };
  } finally {
    const closed = pipeline.close();
    await (signal.aborted
      ? timeLimit(() => closed, { ms: CLOSE_MS, late: 'canceled' }).catch(() => undefined)
      : closed);
  }
}

/** Rejects at once when the signal aborts, whatever the promise does later. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new AppError('canceled', 'The edit was cancelled.'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function resultJson({ outputs, seed, timings, receipt, warnings }: EditResult, paths: readonly string[]): string {
  const { load_s, encode_s, denoise_s, decode_s, total_s } = timings;
  return `${JSON.stringify({
    outputs: outputs.map(({ width, height }, i) => ({ path: paths[i], width, height })),
    seed,
    timings: { load_s, encode_s, denoise_s, decode_s, total_s },
    receipt,
    warnings,
  })}\n`;
}

function resultText({ outputs, seed, timings, receipt }: EditResult, paths: readonly string[]): string {
  const files = outputs.map(({ width, height }, i) => `${paths[i]}  ${width} x ${height}`);
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  const { load_s, encode_s, denoise_s, decode_s, total_s } = timings;
  const stages = `encode ${seconds(encode_s)}, denoise ${seconds(denoise_s)}, decode ${seconds(decode_s)}`;
  const demo = receipt.model.demo ? ' by the demo model' : '';
  const summary = `edited in ${seconds(total_s)}${demo} (${stages}) after ${seconds(load_s)} of loading, seed ${seed}`;
  return `${[...files, summary].join('\n')}\n`;
}
