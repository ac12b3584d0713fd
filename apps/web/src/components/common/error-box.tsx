import type { ComponentChildren } from 'preact';
import { errorWords, type ToldError } from '../../i18n/error-words.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from './icon.tsx';
import { useCopy } from './use-copy.ts';

export interface ErrorBoxProps {
  readonly error: ToldError & { readonly requestId?: string | undefined };
  readonly children?: ComponentChildren;
}

/** What happened, what to do, and what to name when asking for help. */
export function ErrorBox({ error, children }: ErrorBoxProps) {
  const { preferences, session } = useApp();
  const words = useWords();
  const copy = useCopy();
  const { title, hint, detail, fields } = errorWords(error, words, preferences.language.value);
  const { requestId } = error;
  return (
    <div class="notice bad" role="alert">
      <Icon name="alert" />
      <div class="notice-text">
        <strong>{title}</strong>
        {detail !== undefined && detail !== title && (
          <p class="notice-detail" lang="en">
            {detail}
          </p>
        )}
        {fields.length > 0 && (
          <ul class="notice-fields">
            {fields.map((field) => (
              <li key={field}>{field}</li>
            ))}
          </ul>
        )}
        <p>{hint}</p>
        {(error.code === 'unauthorized' || error.code === 'forbidden') && (
          <button
            type="button"
            class="button small"
            onClick={() => {
              session.asking.value = true;
            }}
          >
            <Icon name="key" size={16} />
            {words.key.open}
          </button>
        )}
        {children}
        {requestId !== undefined && (
          <p class="notice-id">
            {words.errors.requestId} <code>{requestId}</code>
            <button
              type="button"
              class="link-button"
              aria-label={words.errors.copyId}
              onClick={() => void copy(requestId, words.common.copied)}
            >
              {words.common.copy}
            </button>
          </p>
        )}
      </div>
    </div>
  );
}
