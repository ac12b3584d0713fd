import { devicesKey, isProcessor, parseDevice, toAppError } from '@qwen-edit/contract';
import { INSTALL_CUDA } from '@qwen-edit/pipeline';
import type { Config } from '../settings.ts';
import { cardBudget } from './card-memory.ts';
import type { CardConfig, KnownCards } from './machine-cards.ts';
import type { EngineDevices } from './parse-engines.ts';
import { requireCards } from './require-cards.ts';

export type DeviceConfig = CardConfig & Pick<Config, 'devices' | 'forceCpu' | 'maxConcurrency'>;

/** The engines of a machine. */
export interface ChosenEngines {
  readonly engines: readonly EngineDevices[];
  /** What the log should say of the choice. */
  readonly notes: readonly string[];
  /** Why the processor computes in place of cards that were meant to: a worker shows it as its last error. */
  readonly fallback?: string | undefined;
}

export interface ChoiceFacts {
  /** What there is; asked only if the settings leave the choice. */
  readonly look: () => Promise<KnownCards>;
  /** Whether a usual edit has all weights in so many bytes of cards; without it, one card is taken to do. */
  readonly fits?: ((bytes: number) => boolean) | undefined;
}

const PROCESSOR: EngineDevices = [parseDevice('cpu')];

/**
 * Which engines compute on what. QWEN_EDIT_FORCE_CPU comes first, then QWEN_EDIT_DEVICES as it is: what it names may be busy now and free
 * later. If neither is set: one engine for each card of CUDA that can be used now, or for several together where the model does not fit
 * one; without such a card the processor, with QWEN_EDIT_MAX_CONCURRENCY engines.
 */
export async function chooseEngines(config: DeviceConfig, { look, fits }: ChoiceFacts): Promise<ChosenEngines> {
  const { devices, forceCpu, maxConcurrency, engineProgram } = config;
  const manifold = (engine: EngineDevices): readonly EngineDevices[] =>
    engine.every(isProcessor) ? Array.from({ length: maxConcurrency }, () => engine) : [engine];
  const onProcessor = manifold(PROCESSOR);
  if (forceCpu) {
    const isOther = devices?.flat().some((place) => !isProcessor(place)) === true;
    return {
      engines: onProcessor,
      notes: isOther ? ['QWEN_EDIT_FORCE_CPU comes before QWEN_EDIT_DEVICES: the processor computes.'] : [],
    };
  }
  if (devices !== undefined) return { engines: devices.flatMap(manifold), notes: orderNotes(config) };
  // Another engine program decides by itself what it does.
  if (engineProgram !== undefined) return { engines: onProcessor, notes: [] };
  const known = await look();
  if (known.provider === undefined) {
    const isThere = known.report.cards.length > 0;
    const note = `There is a card of NVIDIA, and the processor computes, as ONNX Runtime's library for CUDA is not installed: ${INSTALL_CUDA}`;
    return { engines: onProcessor, notes: isThere ? [note] : [] };
  }
  const { usable, obstacles } = sortCards(known, config);
  if (usable.length > 0) {
    const { engines, note } = shareCards(usable, fits ?? (() => true));
    return { engines, notes: [...orderNotes(config), ...obstacles, ...note] };
  }
  const why = obstacles[0] ?? (known.cut && `CUDA_VISIBLE_DEVICES: ${known.cut}`) ?? known.report.fault?.message;
  // Nobody has hidden the cards by mistake.
  if (config.cudaVisibleDevices !== undefined && known.cut === undefined && obstacles.length === 0)
    return { engines: onProcessor, notes: ['CUDA_VISIBLE_DEVICES hides every card: the processor computes.'] };
  const fallback = `The processor computes, as no card can be used. ${why ?? 'There is no card of NVIDIA.'}`;
  return { engines: onProcessor, notes: [fallback], fallback };
}

interface UsableCard {
  readonly place: ReturnType<typeof parseDevice>;
  /** Bytes for an engine of its own, and as a part of an engine that is spread. */
  readonly alone: number;
  readonly spread: number;
}

function sortCards(known: KnownCards, config: DeviceConfig) {
  const usable: UsableCard[] = [];
  const obstacles: string[] = [];
  for (const [index, card] of known.visible.entries()) {
    const place = parseDevice(`cuda:${index}`);
    try {
      requireCards([place], known, config);
      const budget = (isSpread: boolean): number => cardBudget(card, place, config, isSpread) ?? Infinity;
      usable.push({ place, alone: budget(false), spread: budget(true) });
    } catch (thrown) {
      obstacles.push(toAppError(thrown).message);
    }
  }
  return { usable, obstacles };
}

/**
 * The guide's `balanced`: cards that hold the model have an engine each. Of those that do not, as many as it takes have one together.
 * If all of them together do not hold it either, each has an engine that streams weights from main memory.
 */
function shareCards(
  cards: readonly UsableCard[],
  fits: (bytes: number) => boolean,
): { readonly engines: readonly EngineDevices[]; readonly note: readonly string[] } {
  const large = cards.filter(({ alone }) => fits(alone));
  const small = cards.filter((card) => !large.includes(card));
  const least = Math.min(...small.map(({ spread }) => spread));
  const size = small.findIndex((_, i) => i > 0 && fits((i + 1) * least)) + 1;
  const single = (some: readonly UsableCard[]) => some.map(({ place }): EngineDevices => [place]);
  if (size === 0) return { engines: single(cards), note: [] };
  const groups = Array.from(
    { length: Math.floor(small.length / size) },
    (_, i): EngineDevices => small.slice(i * size, (i + 1) * size).map(({ place }) => place),
  );
  const left = small.slice(groups.length * size).map(({ place }) => place);
  const shared = `The model does not fit one card: it is spread over ${groups.map(devicesKey).join(' and ')}.`;
  const idle = `Left idle: ${left.map((place) => devicesKey([place])).join(', ')}; QWEN_EDIT_DEVICES can name them.`;
  return { engines: [...single(large), ...groups], note: left.length === 0 ? [shared] : [shared, idle] };
}

/** CUDA counts the fastest card first unless it is told otherwise. */
function orderNotes({ cudaDeviceOrder }: Pick<CardConfig, 'cudaDeviceOrder'>): readonly string[] {
  if (cudaDeviceOrder === undefined || cudaDeviceOrder === 'PCI_BUS_ID') return [];
  return ['CUDA_DEVICE_ORDER is not followed: engines count cards by PCI bus, as nvidia-smi does.'];
}
