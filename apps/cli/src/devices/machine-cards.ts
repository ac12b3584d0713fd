import {
  type Card,
  type CardReport,
  type CudaProvider,
  createCardWatch,
  findCudaProvider,
  visibleCards,
} from '@qwen-edit/pipeline';
import type { Config } from '../settings.ts';

/** The settings that choose among the cards of a machine. */
export type CardConfig = Pick<
  Config,
  'minFreeGib' | 'gpuHeadroomGib' | 'gpu0ExtraHeadroomGib' | 'cudaVisibleDevices' | 'cudaDeviceOrder' | 'engineProgram'
>;

/** What there is for engines on cards of CUDA. */
export interface KnownCards {
  readonly report: CardReport;
  /** The first is cuda:0. */
  readonly visible: readonly Card[];
  /** In words, what is wrong with CUDA_VISIBLE_DEVICES. */
  readonly cut: string | undefined;
  /** undefined: not installed. */
  readonly provider: CudaProvider | undefined;
  /** Another engine program needs no library of ours. */
  readonly needsProvider: boolean;
}

/** Tells what there is, now. Never rejects. */
export type LookAtCards = () => Promise<KnownCards>;

/** Looks at the cards of this machine; what nvidia-smi says counts for some seconds. */
export function createCardLook(
  config: Pick<CardConfig, 'cudaVisibleDevices' | 'engineProgram'>,
  watch = createCardWatch(),
  provider: () => Promise<CudaProvider | undefined> = findCudaProvider,
): LookAtCards {
  let found: Promise<CudaProvider | undefined> | undefined;
  return async () => {
    found ??= provider().catch(() => undefined);
    const [report, library] = await Promise.all([watch.read(), found]);
    return knownCards(report, library, config);
  };
}

/** The same of what was asked before. */
export function knownCards(
  report: CardReport,
  provider: CudaProvider | undefined,
  { cudaVisibleDevices, engineProgram }: Pick<CardConfig, 'cudaVisibleDevices' | 'engineProgram'>,
): KnownCards {
  const { cards, cut } = visibleCards(report.cards, cudaVisibleDevices);
  return { report, visible: cards, cut, provider, needsProvider: engineProgram === undefined };
}
