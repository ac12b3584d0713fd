import { availableParallelism } from 'node:os';
import type { AvailableMemory } from '@qwen-edit/pipeline';
import type { Config } from './settings.ts';

/**
 * Added to the niceness of the engines of `worker` and `serve` if QWEN_EDIT_NICE does not say. An engine that computes on all cores
 * then leaves time to the API: docs/decisions/0033-threads-and-niceness.md.
 */
export const WORKER_NICE = 5;

/** Threads of each engine: the cores, divided among the engines of this process. */
export function threadsOfEngine(
  { maxCpuThreads, maxConcurrency }: Pick<Config, 'maxCpuThreads' | 'maxConcurrency'>,
  cores = availableParallelism(),
): number {
  return maxCpuThreads ?? Math.max(1, Math.floor(cores / maxConcurrency));
}

/** Bytes of main memory that edits may take together: QWEN_EDIT_CPU_MAX_MEMORY, as far as the machine or the container has it. */
export function memoryOfEdits(
  { maxMemoryBytes }: Pick<Config, 'maxMemoryBytes'>,
  { totalBytes }: Pick<AvailableMemory, 'totalBytes'>,
): number {
  return Math.min(maxMemoryBytes ?? totalBytes, totalBytes);
}

/** The share of it that each engine of this process plans with. */
export function memoryOfEngine(
  config: Pick<Config, 'maxMemoryBytes' | 'maxConcurrency'>,
  available: Pick<AvailableMemory, 'totalBytes'>,
): number {
  return Math.max(1, Math.floor(memoryOfEdits(config, available) / config.maxConcurrency));
}
