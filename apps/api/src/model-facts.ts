import {
  type MachineFacts,
  type ModelCard,
  type ModelDownload,
  machineFactsSchema,
  modelCardSchema,
  modelDownloadSchema,
  modelFactsSchema,
  modelShapeSchema,
} from '@qwen-edit/contract';
import { z } from 'zod';
import type { LiveWorker } from './service-status.ts';

/** What a worker reports of its model. A field that an older or newer worker does not report is left out. */
const reportedFactsSchema = modelFactsSchema
  .omit({ card: true })
  .partial()
  .required({ name: true })
  // Only estimates need these: what a later version says in another form takes nothing else away.
  .extend({
    shape: modelShapeSchema.optional().catch(undefined),
    machine: machineFactsSchema.optional().catch(undefined),
  });
export type ReportedFacts = z.output<typeof reportedFactsSchema>;

/** The facts of a worker's model. Undefined if the worker reports none, or none that can be read. */
function modelOf(worker: LiveWorker): ReportedFacts | undefined {
  return reportedFactsSchema.safeParse(worker.model).data;
}

const cardSchema = z.object({ card: modelCardSchema });

/**
 * The card of a worker's model. It is parsed apart from the facts: it is long, and a submission needs only the facts.
 */
function cardOf(worker: LiveWorker): ModelCard | undefined {
  return cardSchema.safeParse(worker.model).data?.card;
}

/** A model, and the live workers that have it. */
export interface ModelGroup {
  readonly facts: ReportedFacts;
  readonly card: ModelCard | undefined;
  readonly workers: readonly LiveWorker[];
  /** How they compute, as far as they say; each once. */
  readonly precisions: readonly string[];
  /** What those of them have that say so. */
  readonly machines: readonly MachineFacts[];
}

const idOf = ({ digest, name }: ReportedFacts): string => digest ?? name;

/** The models of live workers, by digest: two folders with the same digest are the same model. */
export function groupByModel(workers: readonly LiveWorker[]): readonly ModelGroup[] {
  return groupBy(workers, idOf);
}

/** The same by digest and precision: memory and time of an edit depend on both. */
export function groupByPrecision(workers: readonly LiveWorker[]): readonly ModelGroup[] {
  return groupBy(workers, (facts) => `${idOf(facts)} ${facts.precision ?? ''}`);
}

function groupBy(workers: readonly LiveWorker[], keyOf: (facts: ReportedFacts) => string): readonly ModelGroup[] {
  const groups = new Map<string, ModelGroup>();
  for (const worker of workers) {
    const facts = modelOf(worker);
    if (facts === undefined) continue;
    const key = keyOf(facts);
    const known = groups.get(key);
    const {
      workers: others = [],
      card = cardOf(worker),
      machines = [],
      precisions = [],
      facts: first = facts,
    } = known ?? {};
    const {
      machine: _machine,
      loads_with_first_job: _asleep,
      ...own
    } = { ...facts, ...first, ...together([first, facts]) };
    groups.set(key, {
      facts: own,
      card,
      workers: [...others, worker],
      precisions: [...new Set([...precisions, ...(facts.precision === undefined ? [] : [facts.precision])])],
      machines: facts.machine === undefined ? machines : [...machines, facts.machine],
    });
  }
  return [...groups.values()];
}

/** The model that jobs run with, as far as live workers report it. A ready worker comes before others. */
export function currentModel(workers: readonly LiveWorker[]): ReportedFacts | undefined {
  const sorted = [...workers].sort((a, b) => Number(b.ready) - Number(a.ready));
  const [first, ...others] = sorted.flatMap((worker) => modelOf(worker) ?? []);
  if (first === undefined) return undefined;
  return { ...first, ...together([first, ...others.filter((facts) => idOf(facts) === idOf(first))]) };
}

/** What workers of a model offer together: a preset or a LoRA that one of them can use can be used. */
function together(all: readonly ReportedFacts[]): Pick<ReportedFacts, 'presets' | 'loras'> {
  const presets = all.flatMap((facts) => facts.presets ?? []);
  const loras = all.flatMap((facts) => facts.loras ?? []);
  return {
    ...(all.some((facts) => facts.presets !== undefined) ? { presets: bestOf(presets) } : {}),
    ...(all.some((facts) => facts.loras !== undefined) ? { loras: bestOf(loras) } : {}),
  };
}

/** One of each name, one that can be used if there is one. */
function bestOf<T extends { readonly name: string; readonly unavailable?: string | undefined }>(
  all: readonly T[],
): T[] {
  const best = new Map<string, T>();
  for (const each of all) {
    const known = best.get(each.name);
    if (known === undefined || (known.unavailable !== undefined && each.unavailable === undefined))
      best.set(each.name, each);
  }
  return [...best.values()];
}

/** What stands instead of a worker's own words, which name folders, buckets and settings. */
const NOT_TOLD = 'The worker has trouble; whoever runs the service finds the reason in its log.';

/** What a worker last met, in its own words for whoever runs the service: a caller with the scope admin. */
export function toldError(lastError: string | null, tellsWhy: boolean): string | null {
  return lastError === null || tellsWhy ? lastError : NOT_TOLD;
}

/** Why no worker is ready, in the words of one of them; null if one is, or if nothing has gone wrong. */
export function troubleOf(workers: readonly LiveWorker[]): string | null {
  if (workers.some(({ ready }) => ready)) return null;
  return workers.find(({ lastError }) => lastError !== null)?.lastError ?? null;
}

/** True for a worker that has loaded nothing yet and takes jobs all the same: it loads its model with the first. */
export function isAsleep(worker: LiveWorker): boolean {
  return !worker.ready && modelOf(worker)?.loads_with_first_job === true;
}

/** True if no worker has loaded the model or does so now, and one of them will for the first job. */
export function loadsWithFirstJob(workers: readonly LiveWorker[]): boolean {
  if (workers.some(({ ready }) => ready) || !workers.some(isAsleep)) return false;
  return workers.every((worker) => isAsleep(worker) || worker.lastError !== null);
}

/** How far a worker is with the download of its model; null if it downloads none. */
export function downloadOf({ ready, download }: LiveWorker): ModelDownload | null {
  return ready ? null : (modelDownloadSchema.safeParse(download).data ?? null);
}

/** While no worker is ready: how far the furthest of those is that download their model without trouble. */
export function furthestDownload(workers: readonly LiveWorker[]): ModelDownload | null {
  if (workers.some(({ ready }) => ready)) return null;
  const downloads = workers.flatMap((worker) => (worker.lastError === null ? (downloadOf(worker) ?? []) : []));
  const [first = null, ...others] = downloads;
  return others.reduce((best, each) => (each.bytes_done > (best?.bytes_done ?? 0) ? each : best), first);
}

/** How far the workers are with the model; null without a worker. A download is a part of loading; `unloaded`: see loadsWithFirstJob. */
export function modelStatus(workers: readonly LiveWorker[]): 'ready' | 'unloaded' | 'loading' | 'failed' | null {
  if (workers.length === 0) return null;
  if (workers.some(({ ready }) => ready)) return 'ready';
  if (loadsWithFirstJob(workers)) return 'unloaded';
  return troubleOf(workers) === null || furthestDownload(workers) !== null ? 'loading' : 'failed';
}
