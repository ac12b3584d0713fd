import { availableParallelism } from 'node:os';
import { isProcessor } from '@qwen-edit/contract';
import type { AvailableMemory } from '@qwen-edit/pipeline';
import type { EngineDevices } from './devices/parse-engines.ts';
import type { Config } from './settings.ts';

/**
 * Added to the niceness of the engines of `worker` and `serve` if QWEN_EDIT_NICE does not say. An engine that computes on all cores
 * then leaves time to the API: docs/decisions/0033-threads-and-niceness.md.
 */
export const WORKER_NICE = 5;

/** The processor feeds a card: what it computes for it are the ends of an edit. */
const CARD_THREADS = 4;

/** Threads of an engine: the cores, divided among the engines of this process. One that computes on a card needs few. */
export function threadsOfEngine(
  engine: EngineDevices,
  engines: readonly EngineDevices[],
  { maxCpuThreads }: Pick<Config, 'maxCpuThreads'>,
  cores = availableParallelism(),
): number {
  if (maxCpuThreads !== undefined) return maxCpuThreads;
  const onCard = Math.max(1, Math.min(CARD_THREADS, Math.floor(cores / engines.length)));
  if (!isOnProcessor(engine)) return onCard;
  const others = engines.filter(isOnProcessor).length;
  return Math.max(1, Math.floor((cores - (engines.length - others) * onCard) / others));
}

/** True for an engine that computes on the processor alone. */
export const isOnProcessor = (engine: EngineDevices): boolean => engine.every(isProcessor);

/** Bytes of main memory that edits may take together: QWEN_EDIT_CPU_MAX_MEMORY, as far as the machine or the container has it. */
export function memoryOfEdits(
  { maxMemoryBytes }: Pick<Config, 'maxMemoryBytes'>,
  { totalBytes }: Pick<AvailableMemory, 'totalBytes'>,
): number {
  return Math.min(maxMemoryBytes ?? totalBytes, totalBytes);
}

/** The share of it that each of so many engines plans with. */
export function memoryOfEngine(
  engines: number,
  config: Pick<Config, 'maxMemoryBytes'>,
  available: Pick<AvailableMemory, 'totalBytes'>,
): number {
  return Math.max(1, Math.floor(memoryOfEdits(config, available) / engines));
}
