import { deviceNamed, type KernelSet } from '../engine/devices.ts';
import type { LoadedModel } from '../engine/model.ts';
import { loadPreparedModel, openPreparedModel } from '../load-prepared-model.ts';
import type { SelfTestFigure } from '../types.ts';
import { figureText } from './figure.ts';
import { runBlock } from './run-block.ts';
import { type OnTesting, runGoldenEdit, type SelfTestPart } from './run-golden-edit.ts';
import { arithmeticOf, runOperators } from './run-operators.ts';

/** What is tested, and with what. */
export interface Examination {
  readonly device: string;
  readonly kernels: KernelSet;
  readonly precision: string;
  readonly threads: number;
  readonly memoryBytes?: number | undefined;
  readonly weightCacheDir?: string | undefined;
  /** A small checkpoint whose golden edit is made. */
  readonly dir?: string | undefined;
  /** A checkpoint of which one block is computed. */
  readonly block?: string | undefined;
  /** Try every operator, also if nothing differs. */
  readonly operators: boolean;
}

/** What an engine has found. */
export interface ExaminationResult extends SelfTestPart {
  /** Those that differ, if something does; all, if they were asked for. */
  readonly operators: readonly SelfTestFigure[];
}

interface ExaminationDeps {
  /** The model of this folder, if it is loaded and computes as it is to be tested. */
  readonly loaded: (dir: string) => LoadedModel | undefined;
  readonly pause: () => Promise<void>;
  readonly onTesting: OnTesting;
}

/**
 * Compares a device with fp32 on the processor: a golden edit, and one block of a checkpoint. If something differs, each operator is
 * tried by itself, to tell which one is wrong. Rejects with what keeps the device from computing at all.
 */
export async function examineDevice(
  { dir, block, operators: asked, ...tested }: Examination,
  { loaded, pause, onTesting }: ExaminationDeps,
): Promise<ExaminationResult> {
  const options = { ...tested, pause };
  const parts: SelfTestPart[] = [];
  const own = dir === undefined || loaded(dir) !== undefined ? undefined : await loadPreparedModel(dir, options);
  try {
    const small = own ?? (dir === undefined ? undefined : loaded(dir));
    if (small !== undefined && dir !== undefined) parts.push(await runGoldenEdit(small, dir, onTesting));
    if (block !== undefined)
      parts.push(await runBlock(loaded(block) ?? (await openPreparedModel(block, options)), onTesting));
    const figures = parts.flatMap((part) => part.figures);
    const reason = parts.map((part) => part.reason).find((each) => each !== undefined);
    if (reason === undefined && !asked) return { figures, operators: [] };
    // The small model is still there: what the driver has compiled for it need not be compiled again.
    const operators = await runOperators({
      device: deviceNamed(tested.device, tested.kernels),
      arithmetic: arithmeticOf(tested.precision),
      threads: tested.threads,
      ...{ pause, onTesting },
    });
    return {
      figures,
      operators: asked ? operators : operators.filter(({ ok }) => !ok),
      reason: reason && [reason, ...operatorsText(operators)].join(' '),
    };
  } finally {
    await own?.release();
  }
}

/** Which operators are wrong, each on the shape on which it is worst. Nothing if none was tried. */
function operatorsText(operators: readonly SelfTestFigure[]): string[] {
  if (operators.length === 0) return [];
  const wrong = Map.groupBy(
    operators.filter(({ ok }) => !ok),
    ({ name }) => name,
  );
  if (wrong.size === 0) return ['Each operator by itself is right.'];
  const worst = [...wrong.values()].map((each) => each.reduce((a, b) => (b.decibels < a.decibels ? b : a)));
  return [`Operators that differ from the processor's: ${worst.map(figureText).join('; ')}.`];
}
