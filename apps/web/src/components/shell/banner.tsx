import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useFormat, useNow, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { Spinner } from '../common/spinner.tsx';

/** A stumble of a moment is not worth a banner. */
const PATIENCE_MS = 700;
const BACK_MS = 2500;

/** Says that the service is away, when it is asked again, and that it is back. */
export function Banner() {
  const { connection } = useApp();
  const { offline } = useWords();
  const format = useFormat();
  const lost = connection.lost.value;
  const [state, setState] = useState<'hidden' | 'lost' | 'back'>('hidden');
  const shown = useRef(state);
  shown.current = state;
  const now = useNow(500, state === 'lost');
  useEffect(() => {
    if (!lost && shown.current === 'hidden') return;
    if (!lost) setState('back');
    const timer = setTimeout(() => setState(lost ? 'lost' : 'hidden'), lost ? PATIENCE_MS : BACK_MS);
    return () => clearTimeout(timer);
  }, [lost]);

  if (state === 'hidden') return <div class="banner-place" aria-live="polite" />;
  const { nextTry } = connection;
  const left = nextTry.value === undefined ? undefined : Math.ceil((nextTry.value - now) / 1000);
  return (
    <div class="banner-place" aria-live="polite">
      {state === 'back' ? (
        <div class="banner good">
          <Icon name="check" />
          <strong>{offline.back}</strong>
        </div>
      ) : (
        <div class="banner">
          <Icon name="offline" />
          <p>
            <strong>{offline.lost}</strong> {offline.kept}
          </p>
          <span class="banner-when" aria-hidden="true">
            {left === undefined ? <Spinner /> : null}
            {left === undefined ? offline.trying : offline.retryIn(format.duration(Math.max(1, left)))}
          </span>
          <button type="button" class="button small" onClick={() => connection.tryNow()}>
            {offline.now}
          </button>
        </div>
      )}
    </div>
  );
}
