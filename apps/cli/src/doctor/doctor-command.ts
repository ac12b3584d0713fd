import { AppError, didYouMean, nearestOf } from '@qwen-edit/contract';
import type { runSelfTest } from '@qwen-edit/pipeline';
import { readUsableConfig, unknownSettings } from '../config.ts';
import { chooseEngines } from '../devices/choose-engines.ts';
import { createCardLook } from '../devices/machine-cards.ts';
import { readFlags } from '../flag-values.ts';
import { DOCTOR_HELP } from '../help.ts';
import { chooseModel, findChosen } from '../model/choose-model.ts';
import { hubSettings } from '../model/hub-settings.ts';
import type { Terminal } from '../terminal.ts';
import { thisHost } from './host.ts';
import { CHECK_NAMES, type NamedFinding, runDoctorChecks } from './run-checks.ts';

export interface DoctorCommandDeps {
  readonly terminal: Terminal;
  readonly version: string;
  readonly demoModelDir: string;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

const OPTIONS = {
  model: { type: 'string' },
  'data-dir': { type: 'string' },
  skip: { type: 'string', multiple: true },
  write: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `qwen-edit doctor`. Returns the exit code: 0 if there is no problem, 1 otherwise. Throws AppError `usage`, and `canceled`. */
export async function doctorCommand(args: readonly string[], deps: DoctorCommandDeps): Promise<number> {
  const { values } = readFlags(args, OPTIONS);
  const { terminal, version, demoModelDir, signal } = deps;
  if (values.help === true) {
    terminal.out(DOCTOR_HELP);
    return 0;
  }
  const skip = skipped(values.skip ?? []);
  const overrides: Record<string, string> = {};
  if (values['data-dir'] !== undefined) overrides.QWEN_EDIT_DATA_DIR = values['data-dir'];
  const { config, error } = readUsableConfig(undefined, overrides);
  const start = performance.now();
  const hub = await hubSettings(config);
  const chosen = await chooseModel({ flag: values.model, config, demoModelDir });
  const host = thisHost();
  const lookAtCards = createCardLook(config);
  const findings = await runDoctorChecks(
    {
      ...{ host, config, demoModelDir, hub, chosen, lookAtCards },
      engines: await chooseEngines(config, { look: lookAtCards }),
      modelDir: await findChosen(chosen, hub),
      wrongSettings: error,
      unknownSettings: unknownSettings(),
      version,
      write: values.write === true,
      fetch: globalThis.fetch,
      // Loaded late, as sharp may be missing.
      availableMemory: async () => (await import('@qwen-edit/pipeline')).availableMemory(),
      inspectModel: async (...wanted) => (await import('@qwen-edit/pipeline')).inspectModel(...wanted),
      verifyModel: async (...wanted) => (await import('@qwen-edit/pipeline')).verifyModel(...wanted),
      runSelfTest: async (...wanted: Parameters<typeof runSelfTest>) =>
        (await import('@qwen-edit/pipeline')).runSelfTest(...wanted),
      now: Date.now,
    },
    { skip, signal },
  );
  const seconds = Math.round(performance.now() - start) / 1000;
  terminal.out(values.json === true ? doctorJson(findings, { version, seconds }) : doctorText(findings, seconds));
  return findings.some(isProblem) ? 1 : 0;
}

function skipped(values: readonly string[]): ReadonlySet<string> {
  const names = values.flatMap((value) => value.split(',')).map((name) => name.trim());
  const unknown = names.find((name) => !CHECK_NAMES.includes(name));
  if (unknown === undefined) return new Set(names);
  const meant = didYouMean(nearestOf(unknown, [...CHECK_NAMES]));
  throw new AppError('usage', `There is no check '${unknown}'.${meant}`, {
    hint: `The checks are ${CHECK_NAMES.join(', ')}.`,
  });
}

const isProblem = ({ status }: NamedFinding): boolean => status === 'problem';

function doctorJson(
  findings: readonly NamedFinding[],
  { version, seconds }: { readonly version: string; readonly seconds: number },
): string {
  return `${JSON.stringify({ ok: !findings.some(isProblem), version, seconds, findings })}\n`;
}

const STATUS_WIDTH = 'problem'.length;
const NAME_WIDTH = Math.max(...CHECK_NAMES.map((name) => name.length));

/** A line for each finding, with cause and remedy below it. */
function doctorText(findings: readonly NamedFinding[], seconds: number): string {
  const indent = ' '.repeat(STATUS_WIDTH + NAME_WIDTH + 4);
  const lines = findings.flatMap(({ status, check, message, code, cause, remedy }) => [
    `${status.padEnd(STATUS_WIDTH)}  ${check.padEnd(NAME_WIDTH)}  ${message}${code === undefined ? '' : ` (${code})`}`,
    ...(cause === undefined ? [] : [`${indent}cause: ${cause}`]),
    ...(remedy === undefined || status === 'ok' ? [] : [`${indent}to do: ${remedy}`]),
  ]);
  const count = (status: string): number => findings.filter((finding) => finding.status === status).length;
  const counted = (status: string): string => `${count(status)} ${status}${count(status) === 1 ? '' : 's'}`;
  const summary = `${counted('problem')}, ${counted('note')}, ${count('ok')} ok, in ${seconds.toFixed(1)} s`;
  return `${[...lines, summary].join('\n')}\n`;
}
