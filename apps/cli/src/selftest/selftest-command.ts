import { availableParallelism } from 'node:os';
import { AppError, devicesKey, parsePrecision } from '@qwen-edit/contract';
import type { runSelfTest, SelfTestResult } from '@qwen-edit/pipeline';
import { kindOf, parseEngine } from '../devices/parse-engines.ts';
import { readFlags } from '../flag-values.ts';
import { SELFTEST_HELP } from '../help.ts';
import { weightCacheDir } from '../model/cache-folders.ts';
import { chooseModel, requireChosen } from '../model/choose-model.ts';
import { type HubConfig, hubSettings } from '../model/hub-settings.ts';
import { precisionOf } from '../precision-setting.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { selftestText } from './selftest-text.ts';
import { createTestLine } from './test-line.ts';

const OPTIONS = {
  device: { type: 'string' },
  precision: { type: 'string' },
  model: { type: 'string' },
  kernels: { type: 'string' },
  operators: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface SelftestDeps {
  readonly terminal: Terminal;
  readonly configOf: () => Pick<
    Config,
    'model' | 'modelDir' | 'dtype' | 'maxCpuThreads' | 'weightCacheDir' | 'engineProgram'
  > &
    HubConfig;
  readonly demoModelDir: string;
  readonly signal: AbortSignal;
  /** Another one, for tests. */
  readonly runSelfTest?: typeof runSelfTest;
}

/**
 * `qwen-edit selftest`. Returns the exit code: 0 if something passes that an engine on this device would serve with, 1 if nothing does.
 * Throws AppError `usage` and `invalid_parameter`, and what keeps the device from computing at all.
 */
export async function selftestCommand(args: readonly string[], deps: SelftestDeps): Promise<number> {
  const { values } = readFlags(args, OPTIONS);
  const { terminal, demoModelDir, signal } = deps;
  if (values.help === true) {
    terminal.out(SELFTEST_HELP);
    return 0;
  }
  const places = parseEngine(values.device ?? 'cpu');
  const kernels = kernelsOf(values.kernels);
  const asked = values.precision === undefined ? undefined : parsePrecision(values.precision);
  const config = deps.configOf();
  const precision = asked ?? precisionOf(config, kindOf(places)).precision;
  const chosen = await chooseModel({ flag: values.model, config, demoModelDir });
  const block = await requireChosen(chosen, await hubSettings(config));
  const run = deps.runSelfTest ?? (await import('@qwen-edit/pipeline')).runSelfTest;
  const results: SelfTestResult[] = [];
  const line = createTestLine(terminal);
  const result = await run({
    ...{ dir: demoModelDir, block, device: devicesKey(places), precision, kernels, signal },
    operators: values.operators === true,
    threads: config.maxCpuThreads ?? availableParallelism(),
    weightCacheDir: weightCacheDir(config),
    onTesting: line.show,
    onResult(each) {
      line.clear();
      results.push(each);
      if (values.json !== true) terminal.out(selftestText(each));
    },
    ...(config.engineProgram === undefined ? {} : { program: config.engineProgram }),
  }).finally(line.clear);
  if (values.json === true) terminal.out(`${JSON.stringify({ ok: result.ok, results })}\n`);
  else if (result.ok && results.length > 1)
    terminal.out(`An engine on ${result.device} serves with ${result.kernels} kernels in ${result.precision}.\n`);
  return result.ok ? 0 : 1;
}

function kernelsOf(text: string | undefined): 'fast' | 'safe' | undefined {
  if (text === undefined || text === 'fast' || text === 'safe') return text;
  throw new AppError('usage', `--kernels must be fast or safe, got '${text}'.`);
}
