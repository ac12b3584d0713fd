import { batch, type ReadonlySignal, signal } from '@preact/signals';
import { isTerminal, type Job } from '@qwen-edit/contract';
import type { CallResult, CallService, Failure } from '../api/call-result.ts';
import { mergeNewest } from '../lib/merge-jobs.ts';
import type { HistoryFilter } from '../lib/routes.ts';

export interface HistoryQuery {
  readonly filter: HistoryFilter;
  readonly query: string;
}

/** The jobs that match a query, newest first, as far as they are loaded. */
export interface HistoryList {
  /** undefined before the first answer. */
  readonly jobs: ReadonlySignal<readonly Job[] | undefined>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly loadingMore: ReadonlySignal<boolean>;
  readonly hasMore: ReadonlySignal<boolean>;
  loadMore(): Promise<void>;
  /** Loads what is new: jobs of other tabs, and the progress of running ones. */
  refresh(): Promise<void>;
  remove(id: string): Promise<CallResult<void>>;
  close(): void;
}

const PAGE = 24;
const STATUSES: Readonly<Record<HistoryFilter, string | undefined>> = {
  all: undefined,
  active: 'queued,running',
  succeeded: 'succeeded',
  failed: 'failed,expired',
  canceled: 'canceled',
};

export function createHistoryList(callService: CallService, { filter, query }: HistoryQuery): HistoryList {
  const jobs = signal<readonly Job[] | undefined>(undefined);
  const failure = signal<Failure | undefined>(undefined);
  const loadingMore = signal(false);
  const hasMore = signal(false);
  const closing = new AbortController();
  let cursor: string | undefined;
  let refreshing = false;

  const ask = (from: string | undefined) =>
    callService((client) =>
      client.list({ limit: PAGE, status: STATUSES[filter], q: query || undefined, cursor: from }, closing.signal),
    );

  async function refresh(): Promise<void> {
    if (refreshing || closing.signal.aborted) return;
    refreshing = true;
    const answer = await ask(undefined);
    refreshing = false;
    if (closing.signal.aborted) return;
    if (!answer.ok) {
      failure.value = answer.failure;
      return;
    }
    const { data, next_cursor } = answer.value;
    batch(() => {
      failure.value = undefined;
      const merged = next_cursor === null ? undefined : mergeNewest(jobs.value ?? [], data);
      if (merged === undefined) {
        cursor = next_cursor ?? undefined;
        hasMore.value = next_cursor !== null;
      }
      jobs.value = merged ?? data;
    });
  }

  async function loadMore(): Promise<void> {
    if (loadingMore.value || cursor === undefined) return;
    loadingMore.value = true;
    const answer = await ask(cursor);
    if (closing.signal.aborted) return;
    batch(() => {
      loadingMore.value = false;
      failure.value = answer.ok ? undefined : answer.failure;
      if (!answer.ok) return;
      cursor = answer.value.next_cursor ?? undefined;
      hasMore.value = cursor !== undefined;
      const known = new Set(jobs.value?.map(({ id }) => id));
      jobs.value = [...(jobs.value ?? []), ...answer.value.data.filter(({ id }) => !known.has(id))];
    });
  }

  void refresh();
  return {
    jobs,
    failure,
    loadingMore,
    hasMore,
    loadMore,
    refresh,
    async remove(id) {
      const answer = await callService((client) => client.delete(id));
      const gone = answer.ok || answer.failure.code === 'not_found';
      if (gone) jobs.value = jobs.value?.filter((job) => job.id !== id);
      return answer;
    },
    close: () => closing.abort(),
  };
}

export const isAnyActive = (jobs: readonly Job[] | undefined): boolean =>
  jobs?.some(({ status }) => !isTerminal(status)) ?? false;
