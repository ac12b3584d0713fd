import { type DevicePlace, isCudaCard } from '@qwen-edit/contract';
import type { Card } from '@qwen-edit/pipeline';
import type { CardConfig, KnownCards } from './machine-cards.ts';

const GIB = 2 ** 30;
/** What the guide leaves free on each card, and besides on the first, if a model is spread over several. */
const SPREAD_HEADROOM = { each: 6, first: 4 };
/** As in the guide, however large the headroom is. */
const LEAST_GIB = 4;

type Headrooms = Pick<CardConfig, 'gpuHeadroomGib' | 'gpu0ExtraHeadroomGib'>;

/**
 * Bytes of a card that an engine may plan with: what is free, and no more than all of it without the headroom. An engine that has one
 * card for itself keeps a headroom only if the settings say so; one that is spread keeps the guide's. undefined if nobody knows.
 */
export function cardBudget(
  { totalBytes, freeBytes }: Pick<Card, 'totalBytes' | 'freeBytes'>,
  place: Pick<DevicePlace, 'index'>,
  { gpuHeadroomGib, gpu0ExtraHeadroomGib }: Headrooms,
  isSpread: boolean,
): number | undefined {
  if (totalBytes === null) return freeBytes ?? undefined;
  const usual = isSpread ? SPREAD_HEADROOM : { each: 0, first: 0 };
  const each = gpuHeadroomGib ?? usual.each;
  const first = place.index === 0 ? (gpu0ExtraHeadroomGib ?? usual.first) : 0;
  const most = Math.max(LEAST_GIB * GIB, totalBytes - (each + first) * GIB);
  return Math.floor(Math.min(freeBytes ?? most, most, totalBytes));
}

/** The same of all cards of one engine together, which it uses in equal parts. undefined for devices whose memory nobody tells. */
export function engineBudget(
  places: readonly DevicePlace[],
  { visible }: Pick<KnownCards, 'visible'>,
  config: Headrooms,
): number | undefined {
  const budgets = places.map((place) => {
    const card = isCudaCard(place) ? visible[place.index] : undefined;
    return card && cardBudget(card, place, config, places.length > 1);
  });
  const known = budgets.flatMap((bytes) => (bytes === undefined || bytes < 1 ? [] : [bytes]));
  return known.length < budgets.length ? undefined : Math.min(...known) * budgets.length;
}

/** `23.50 GiB`, as in the guide. */
export const gibOf = (bytes: number | null): string => (bytes === null ? 'unknown' : `${(bytes / GIB).toFixed(2)} GiB`);
