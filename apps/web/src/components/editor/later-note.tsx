import type { Failure } from '../../api/call-result.ts';
import { errorWords } from '../../i18n/error-words.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';

export interface LaterNoteProps {
  readonly failure: Failure;
  readonly until: number;
  readonly now: number;
}

/** The service asks to try again later: why, and when. */
export function LaterNote({ failure, until, now }: LaterNoteProps) {
  const { preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const seconds = Math.ceil((until - now) / 1000);
  const full = failure.code === 'queue_full';
  const time = format.duration(Math.max(1, seconds));
  const { title } = errorWords(failure, words, preferences.language.value);
  return (
    <div class="notice warn" role="status">
      <Icon name="clock" />
      <div class="notice-text">
        <strong>{full ? words.submit.full : title}</strong>
        {!full && failure.detail !== undefined && (
          <p class="notice-detail" lang="en">
            {failure.detail}
          </p>
        )}
        {seconds > 0 ? (
          <p aria-live="off">{full ? words.submit.fullText(time) : words.submit.laterText(time)}</p>
        ) : (
          <p>{words.submit.fullNow}</p>
        )}
      </div>
    </div>
  );
}
