import { useId } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';

/** What to keep away from. */
export function NegativeSetting() {
  const { editor } = useApp();
  const { settings: words } = useWords();
  const id = useId();
  return (
    <div class="setting">
      <label for={id}>{words.negative}</label>
      <textarea
        id={id}
        rows={2}
        value={editor.form.value.negative_prompt ?? ''}
        aria-describedby={`${id}-help`}
        onInput={(event) => editor.set({ negative_prompt: event.currentTarget.value })}
      />
      <p id={`${id}-help`} class="quiet">
        {words.negativeHelp}
      </p>
    </div>
  );
}
