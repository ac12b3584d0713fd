import { useEffect, useId, useState } from 'preact/hooks';
import { HISTORY_FILTERS, type HistoryFilter } from '../../lib/routes.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

/** Longer than people pause between two letters. */
const TYPING_MS = 300;
const LONGEST_QUERY = 200;

/** What of the history is shown. It stands in the address, so that it can be linked and gone back to. */
export function HistoryTools({ filter, query }: { readonly filter: HistoryFilter; readonly query: string }) {
  const { router } = useApp();
  const { history: words } = useWords();
  const [text, setText] = useState(query);
  const id = useId();
  useEffect(() => setText(query), [query]);
  useEffect(() => {
    if (text.trim() === query) return;
    const timer = setTimeout(() => router.replace({ name: 'history', filter, query: text.trim() }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, query, filter]);
  return (
    <search class="history-tools">
      <div class="search">
        <label for={id} class="offscreen">
          {words.search}
        </label>
        <Icon name="search" size={18} />
        <input
          id={id}
          type="search"
          value={text}
          maxLength={LONGEST_QUERY}
          placeholder={words.search}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <fieldset class="plain">
        <legend class="offscreen">{words.filter}</legend>
        <div class="segments">
          {HISTORY_FILTERS.map((each) => (
            <label key={each} class="segment">
              <input
                type="radio"
                name="history-filter"
                checked={each === filter}
                onChange={() => router.replace({ name: 'history', filter: each, query })}
              />
              <span>{words.filters[each]}</span>
            </label>
          ))}
        </div>
      </fieldset>
    </search>
  );
}
