import { timeLimit } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type { Check, DoctorDeps } from './check.ts';
import { checkDatabase } from './checks/database.ts';
import { checkDisk } from './checks/disk.ts';
import { checkGpu } from './checks/gpu.ts';
import { checkHub } from './checks/hub.ts';
import { checkLibraries } from './checks/libraries.ts';
import { checkLoras } from './checks/loras.ts';
import { checkMemory } from './checks/memory.ts';
import { checkModel } from './checks/model.ts';
import { checkNode } from './checks/node.ts';
import { checkOpenFiles } from './checks/open-files.ts';
import { checkProcessor } from './checks/processor.ts';
import { checkQueue } from './checks/queue.ts';
import { checkSelfTest } from './checks/self-test.ts';
import { checkService } from './checks/service.ts';
import { checkSettingValues } from './checks/settings.ts';
import { checkStorage } from './checks/storage.ts';
import { checkThreads } from './checks/threads.ts';
import { type Finding, findingOf } from './finding.ts';

interface PlannedCheck {
  readonly run: Check;
  /** How long it may take: what hangs must not hold up the rest. */
  readonly seconds: number;
  /** True for what measures time or fills the processors: it runs when the others are done. */
  readonly alone?: true;
}

/** Every check, in the order in which the findings are shown. A new one is an entry here. */
const CHECKS = {
  node: { run: checkNode, seconds: 10 },
  libraries: { run: checkLibraries, seconds: 30 },
  processor: { run: checkProcessor, seconds: 10 },
  threads: { run: checkThreads, seconds: 10 },
  memory: { run: checkMemory, seconds: 10 },
  disk: { run: checkDisk, seconds: 20, alone: true },
  'open-files': { run: checkOpenFiles, seconds: 10 },
  gpu: { run: checkGpu, seconds: 10 },
  settings: { run: checkSettingValues, seconds: 10 },
  model: { run: checkModel, seconds: 30 },
  loras: { run: checkLoras, seconds: 20 },
  hub: { run: checkHub, seconds: 10 },
  database: { run: checkDatabase, seconds: 15 },
  storage: { run: checkStorage, seconds: 15 },
  queue: { run: checkQueue, seconds: 15 },
  service: { run: checkService, seconds: 10 },
  'self-test': { run: checkSelfTest, seconds: 400, alone: true },
} as const satisfies Record<string, PlannedCheck>;

export const CHECK_NAMES: readonly string[] = Object.keys(CHECKS);

/** A finding with the check that has made it. */
export interface NamedFinding extends Finding {
  readonly check: string;
}

/**
 * Runs all checks but those in `skip`, and tells what each has found. One that fails or is not done in time is a problem itself, and
 * the others go on. Rejects with AppError `canceled` if the signal aborts.
 */
export async function runDoctorChecks(
  deps: DoctorDeps,
  { skip, signal }: { readonly skip: ReadonlySet<string>; readonly signal: AbortSignal },
  checks: Readonly<Record<string, PlannedCheck>> = CHECKS,
): Promise<readonly NamedFinding[]> {
  const wanted = Object.entries(checks).filter(([name]) => !skip.has(name));
  const found = new Map<string, readonly Finding[]>();
  const run = async ([name, check]: readonly [string, PlannedCheck]): Promise<void> => {
    found.set(name, await runOne(deps, check, signal));
    if (signal.aborted) throw new AppError('canceled', 'The checks were cancelled.');
  };
  await Promise.all(wanted.filter(([, { alone }]) => alone !== true).map(run));
  for (const each of wanted.filter(([, { alone }]) => alone === true)) await run(each);
  return wanted.flatMap(([check]) => (found.get(check) ?? []).map((finding) => ({ check, ...finding })));
}

async function runOne(
  deps: DoctorDeps,
  { run, seconds }: PlannedCheck,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const late = (): AppError =>
    new AppError('internal', `The check was not done within ${seconds} s.`, {
      hint: 'What it asks hangs: see the other lines, and try again.',
    });
  return timeLimit((ending) => run(deps, ending), { ms: 1000 * seconds, signal, late }).catch((thrown: unknown) => [
    findingOf(thrown),
  ]);
}
