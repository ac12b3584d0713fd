import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { AppError, toAppError } from '@qwen-edit/contract';
import type { CalibratedLayer, Calibration } from '@qwen-edit/pipeline';
import { readFlags } from '../flag-values.ts';
import { weightCacheDir } from './cache-folders.ts';
import { chooseModel, requireChosen } from './choose-model.ts';
import { hubSettings } from './hub-settings.ts';
import type { ModelDeps } from './model-command.ts';

const OPTIONS = {
  precision: { type: 'string' },
  image: { type: 'string' },
  prompt: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const PRECISION = 'w8a8';
/** The others are in the table, which is named. */
const SHOWN = 20;

/**
 * `qwen-edit model calibrate [REPO|DIR]`: measures a model in fp32, and writes which layers keep how many input channels in fp32. Errors as
 * of calibrateModel; `usage` for a picture that cannot be read; `canceled`.
 */
export async function calibrateCommand(args: readonly string[], deps: ModelDeps): Promise<void> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const { terminal, demoModelDir, signal } = deps;
  const config = deps.configOf();
  const chosen = await chooseModel({ flag: words[0], config, demoModelDir });
  const dir = await requireChosen(chosen, await hubSettings(config));
  const image = values.image === undefined ? undefined : await readPicture(values.image);
  const { calibrateModel } = await import('@qwen-edit/pipeline');
  const calibration = await calibrateModel(dir, {
    precision: values.precision ?? PRECISION,
    weightCacheDir: weightCacheDir(config),
    threads: availableParallelism(),
    demoModelDir,
    image,
    prompt: values.prompt,
    async pause() {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) throw new AppError('canceled', 'The measurement was stopped.');
    },
  });
  terminal.out(values.json === true ? `${JSON.stringify({ dir, ...calibration })}\n` : textOf(calibration));
}

async function readPicture(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new AppError('usage', `${path} cannot be read: ${toAppError(cause).message}`, { cause });
  }
}

function textOf({ layers, path, precision }: Calibration): string {
  const rows = layers.slice(0, SHOWN).map(rowOf);
  const more = layers.length > SHOWN ? [`and ${layers.length - SHOWN} layers more`] : [];
  const counts = new Map<number, number>();
  for (const { outliers } of layers) counts.set(outliers, (counts.get(outliers) ?? 0) + 1);
  const sum = [...counts].sort(([a], [b]) => a - b).map(([outliers, count]) => `${outliers} in ${count} layers`);
  const lines = [
    ' largest  typical  kept  layer',
    ...rows,
    ...more,
    `Input channels that ${precision} keeps in fp32: ${sum.join(', ')}.`,
    `The next load uses them: ${path}`,
  ];
  return `${lines.join('\n')}\n`;
}

function rowOf({ name, largest, typical, outliers }: CalibratedLayer): string {
  const number = (value: number): string => value.toPrecision(3).padStart(8);
  return `${number(largest)} ${number(typical)} ${String(outliers).padStart(5)}  ${name}`;
}
