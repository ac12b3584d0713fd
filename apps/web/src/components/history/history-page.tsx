import type { Job } from '@qwen-edit/contract';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type HistoryFilter, hrefOf } from '../../lib/routes.ts';
import { createHistoryList, type HistoryList, isAnyActive } from '../../state/history-list.ts';
import { useApp, useClosable, useNow, useWords } from '../../state/use-app.tsx';
import { Empty } from '../common/empty.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { useTitle } from '../shell/use-title.ts';
import { DeleteDialog } from './delete-dialog.tsx';
import { HistoryCard } from './history-card.tsx';
import { HistoryTools } from './history-tools.tsx';

export interface HistoryPageProps {
  readonly filter: HistoryFilter;
  readonly query: string;
}

const MINUTE_MS = 60_000;
const ACTIVE_MS = 2500;
const SKELETONS = 8;
/** The next page of jobs is loaded when its place is so far below the window. */
const AHEAD = '800px';

/** All jobs: to search, to look at, to delete. */
export function HistoryPage({ filter, query }: HistoryPageProps) {
  const { callService, connection, session, router, toasts } = useApp();
  const words = useWords();
  useTitle(words.history.heading);
  const list = useClosable(() => createHistoryList(callService, { filter, query }), `${filter} ${query}`);
  const now = useNow(MINUTE_MS);
  const [deleting, setDeleting] = useState<Job | undefined>(undefined);
  const jobs = list?.jobs.value;
  const failure = list?.failure.value;
  const active = isAnyActive(jobs);

  useRefresh(list, active, connection.returns.value + session.entries.value);

  return (
    <div class="history">
      <div class="page-head">
        <h1>{words.history.heading}</h1>
        <HistoryTools filter={filter} query={query} />
      </div>
      {failure !== undefined && (
        <ErrorBox error={failure}>
          <button type="button" class="button small" onClick={() => void list?.refresh()}>
            {words.common.tryAgain}
          </button>
        </ErrorBox>
      )}
      {jobs === undefined && failure === undefined && <Skeletons />}
      {jobs?.length === 0 && <NoJobs searched={filter !== 'all' || query !== ''} />}
      {jobs !== undefined && jobs.length > 0 && (
        <ul class="cards" aria-busy={list?.loadingMore.value ?? false}>
          {jobs.map((job) => (
            <HistoryCard key={job.id} job={job} now={now} onDelete={() => setDeleting(job)} />
          ))}
        </ul>
      )}
      {list?.hasMore.value === true && <More list={list} />}
      {deleting !== undefined && list !== undefined && (
        <DeleteDialog
          job={deleting}
          remove={list.remove}
          onClose={() => setDeleting(undefined)}
          onDeleted={() => {
            setDeleting(undefined);
            toasts.show(words.results.deleted);
            router.replace({ name: 'history', filter, query });
          }}
        />
      )}
    </div>
  );
}

/** Loads again when the reader returns to the tab, when the service is back, and while jobs run. */
function useRefresh(list: HistoryList | undefined, active: boolean, returns: number): void {
  useEffect(() => {
    if (list === undefined) return;
    const refresh = (): void => {
      if (!document.hidden) void list.refresh();
    };
    const listening = new AbortController();
    addEventListener('focus', refresh, { signal: listening.signal });
    document.addEventListener('visibilitychange', refresh, { signal: listening.signal });
    const timer = active ? setInterval(refresh, ACTIVE_MS) : undefined;
    return () => {
      listening.abort();
      clearInterval(timer);
    };
  }, [list, active]);
  const first = useRef(returns);
  useEffect(() => {
    if (returns !== first.current) void list?.refresh();
    first.current = returns;
  }, [list, returns]);
}

/** Loads more jobs when the reader scrolls near, or by a click for readers who use the keyboard. */
function More({ list }: { readonly list: HistoryList }) {
  const words = useWords();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void list.loadMore();
      },
      { rootMargin: AHEAD },
    );
    observer.observe(element);
    return () => observer.disconnect();
    // If a page of jobs does not fill the window, the next one is needed at once.
  }, [list, list.jobs.value]);
  return (
    <div ref={ref} class="more">
      <button type="button" class="button" disabled={list.loadingMore.value} onClick={() => void list.loadMore()}>
        {list.loadingMore.value ? words.common.loading : words.history.more}
      </button>
    </div>
  );
}

function NoJobs({ searched }: { readonly searched: boolean }) {
  const words = useWords();
  return searched ? (
    <Empty icon="search" heading={words.history.nothingFound} text={words.history.nothingFoundHelp}>
      <a class="button" href={hrefOf({ name: 'history', filter: 'all', query: '' })}>
        {words.history.showAll}
      </a>
    </Empty>
  ) : (
    <Empty icon="picture" heading={words.history.empty} text={words.history.emptyHelp}>
      <a class="button primary" href={hrefOf({ name: 'edit' })}>
        {words.job.toEditor}
      </a>
    </Empty>
  );
}

function Skeletons() {
  return (
    <ul class="cards" aria-hidden="true">
      {Array.from({ length: SKELETONS }, (_, i) => (
        <li key={i} class="card">
          <span class="card-picture skeleton" />
          <span class="line skeleton" />
        </li>
      ))}
    </ul>
  );
}
