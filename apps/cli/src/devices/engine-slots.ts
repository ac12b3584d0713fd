import { type DevicePlace, devicesKey, isCudaCard } from '@qwen-edit/contract';
import { saidCardId } from '@qwen-edit/pipeline';
import type { Slot } from '@qwen-edit/worker';
import { memoryOfEngine, threadsOfEngine } from '../engine-share.ts';
import { precisionOf } from '../precision-setting.ts';
import type { Config } from '../settings.ts';
import { engineBudget } from './card-memory.ts';
import type { ChosenEngines } from './choose-engines.ts';
import type { CardConfig, KnownCards } from './machine-cards.ts';
import { type EngineDevices, kindOf } from './parse-engines.ts';

/** One engine of a worker process: where it computes, and its share of the machine. */
export interface EngineSlot {
  readonly slot: Slot;
  readonly places: EngineDevices;
  readonly precision: string;
  readonly threads: number;
  readonly memoryBytes: number;
}

/** What each engine of this process is and gets. Threads and main memory are shared out. */
export function engineSlots(
  { engines, fallback }: ChosenEngines,
  config: CardConfig & Pick<Config, 'dtype' | 'maxCpuThreads' | 'maxMemoryBytes'>,
  known: Pick<KnownCards, 'visible'>,
  { totalBytes }: { readonly totalBytes: number },
): readonly EngineSlot[] {
  return engines.map((places): EngineSlot => {
    const { precision } = precisionOf(config, kindOf(places));
    const threads = threadsOfEngine(places, engines, config);
    const memoryBytes = memoryOfEngine(engines.length, config, { totalBytes });
    const cards = engineBudget(places, known, config);
    const machine = { memory_bytes: memoryBytes, ...(cards && { device_memory_bytes: cards }), threads };
    const facts = { device: kindOf(places), precision, machine };
    const slot = { device: devicesKey(places), gpuId: gpuIdOf(places, known, config), facts, note: fallback };
    return { slot, places, precision, threads, memoryBytes };
  });
}

/** The physical card of an engine, of several the first. Where the cards cannot be told, it is what CUDA_VISIBLE_DEVICES says. */
function gpuIdOf(
  places: readonly DevicePlace[],
  { visible }: Pick<KnownCards, 'visible'>,
  { cudaVisibleDevices }: Pick<CardConfig, 'cudaVisibleDevices'>,
): number | null {
  const first = places.find(isCudaCard);
  return first === undefined ? null : (visible[first.index]?.id ?? saidCardId(first.index, cudaVisibleDevices));
}
