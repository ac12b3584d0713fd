import { repeat } from '@qwen-edit/async';
import { deviceKey, isCudaCard } from '@qwen-edit/contract';
import type { Metrics } from '@qwen-edit/telemetry';
import type { LookAtCards } from './machine-cards.ts';
import type { EngineDevices } from './parse-engines.ts';

const EVERY_MS = 15_000;

/** Measures the memory of the cards that the engines of this process use, until the signal aborts. Never rejects. */
export async function measureCards(
  { gpuMemoryBytes }: Pick<Metrics, 'gpuMemoryBytes'>,
  engines: readonly EngineDevices[],
  look: LookAtCards,
  signal: AbortSignal,
): Promise<void> {
  const places = engines.flat().filter(isCudaCard);
  if (places.length === 0) return;
  const measure = async (): Promise<number> => {
    const { visible } = await look();
    // A card that is lost has no figures, rather than old ones.
    gpuMemoryBytes.reset();
    for (const place of places) {
      const card = visible[place.index];
      if (card === undefined) continue;
      const labels = { device: deviceKey(place), gpu_id: String(card.id) };
      if (card.freeBytes !== null) gpuMemoryBytes.set({ ...labels, state: 'free' }, card.freeBytes);
      if (card.totalBytes !== null) gpuMemoryBytes.set({ ...labels, state: 'total' }, card.totalBytes);
    }
    return EVERY_MS;
  };
  await repeat(measure, { signal, backoff: () => EVERY_MS, onFailure: () => undefined });
}
