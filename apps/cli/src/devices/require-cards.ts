import { AppError, type DevicePlace, deviceKey, isCudaCard } from '@qwen-edit/contract';
import { type Card, requireCudaProvider, requireDriver } from '@qwen-edit/pipeline';
import { gibOf } from './card-memory.ts';
import type { CardConfig, KnownCards } from './machine-cards.ts';

const GIB = 2 ** 30;

/** `cuda:0 (card 4)`: as CUDA counts, and as nvidia-smi does. */
const cardName = (place: DevicePlace, { id }: Pick<Card, 'id'>): string => `${deviceKey(place)} (card ${id})`;

/**
 * Throws AppError `device_unavailable`, with cause and remedy, if a card among these devices is not there, does not work, or has less
 * free than QWEN_EDIT_MIN_FREE_GIB: a card is not free because it is there. A busy card may become free, so it is worth trying again.
 * Of a machine that has a driver and no nvidia-smi nothing is known, and nothing is refused.
 */
export function requireCards(
  places: readonly DevicePlace[],
  known: KnownCards,
  config: Pick<CardConfig, 'minFreeGib' | 'cudaVisibleDevices'>,
): void {
  const wanted = places.filter(isCudaCard);
  if (wanted.length === 0) return;
  if (known.needsProvider) requireCudaProvider(known.provider);
  const { report, visible } = known;
  if (report.fault?.kind === 'no_tool') return;
  if (report.fault !== undefined && report.cards.length === 0)
    throw new AppError('device_unavailable', report.fault.message, { hint: report.fault.remedy });
  const cards = wanted.map((place) => ({ place, card: visible[place.index] ?? missing(place, known, config) }));
  for (const { place, card } of cards) {
    if (card.fault !== null)
      throw new AppError('device_unavailable', `${cardName(place, card)} does not work: ${card.fault}.`, {
        hint: 'Restart the machine; if it stays, check the power, the cooling and the slot of the card.',
      });
    if (known.needsProvider) requireDriver(card.driver, known.provider?.cuda ?? null);
  }
  const busy = cards.filter(({ card }) => (card.freeBytes ?? card.totalBytes ?? Infinity) < config.minFreeGib * GIB);
  if (busy.length > 0)
    throw new AppError('device_unavailable', busyText(busy, config.minFreeGib), {
      hint: 'Stop what uses the card (`nvidia-smi` lists it), name others in QWEN_EDIT_DEVICES, lower QWEN_EDIT_MIN_FREE_GIB, or set QWEN_EDIT_FORCE_CPU=1.',
    });
}

/** The guide's words. */
function busyText(busy: readonly { readonly place: DevicePlace; readonly card: Card }[], minFreeGib: number): string {
  const cards = busy.map(
    ({ place, card }) => `${cardName(place, card)} free=${gibOf(card.freeBytes)}/${gibOf(card.totalBytes)}`,
  );
  return `Not enough free VRAM. Need >= ${minFreeGib} GiB free per GPU, got: ${cards.join(', ')}.`;
}

function missing(
  place: DevicePlace,
  { visible, cut }: KnownCards,
  { cudaVisibleDevices }: Pick<CardConfig, 'cudaVisibleDevices'>,
): never {
  const seen = visible.map((card, index) => cardName({ ...place, index }, card));
  const left = seen.length === 0 ? 'no card' : seen.join(', ');
  const said =
    cudaVisibleDevices === undefined ? '' : ` CUDA_VISIBLE_DEVICES is ${JSON.stringify(cudaVisibleDevices)}.`;
  throw new AppError(
    'device_unavailable',
    `There is no ${deviceKey(place)}: ${left} can be used.${said}${cut === undefined ? '' : ` ${cut}`}`,
    {
      hint:
        cudaVisibleDevices === undefined
          ? 'Name a card that is there in QWEN_EDIT_DEVICES; `nvidia-smi -L` lists them.'
          : 'Name cards in CUDA_VISIBLE_DEVICES that `nvidia-smi -L` lists, or unset it. It is counted from 0 after that: with 4,5 cuda:0 is card 4.',
    },
  );
}
