import { useId, useState } from 'preact/hooks';
import type { Failure } from '../../api/call-result.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Dialog } from '../common/dialog.tsx';
import { ErrorBox } from '../common/error-box.tsx';

/** Asks for the API key. */
export function KeyDialog() {
  const { session } = useApp();
  const { key: words } = useWords();
  const [key, setKey] = useState('');
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const id = useId();

  async function enter(): Promise<void> {
    setBusy(true);
    const answer = await session.signIn(key.trim());
    setBusy(false);
    setFailure(answer.ok ? undefined : answer.failure);
  }

  return (
    <Dialog
      heading={words.heading}
      onClose={() => {
        session.asking.value = false;
      }}
    >
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() !== '' && !busy) void enter();
        }}
      >
        <p>{words.text}</p>
        <div class="field">
          <label for={id}>{words.label}</label>
          <input
            id={id}
            type="password"
            autocomplete="current-password"
            placeholder="qe_…"
            value={key}
            aria-invalid={failure !== undefined}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </div>
        {failure?.code === 'unauthorized' ? (
          <p class="field-error" role="alert">
            {words.wrong}
          </p>
        ) : (
          failure !== undefined && <ErrorBox error={failure} />
        )}
        <p class="quiet">{words.howTo}</p>
        <div class="dialog-actions">
          <button type="submit" class="button primary" disabled={busy || key.trim() === ''}>
            {words.submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
