import { useId } from 'preact/hooks';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Examples } from './examples.tsx';
import { LoraNote } from './lora-note.tsx';

/** From here on the reader should see how much room is left. */
const NEAR_LIMIT = 0.8;

export function PromptField() {
  const { editor, service } = useApp();
  const { prompt: words } = useWords();
  const format = useFormat();
  const id = useId();
  const { prompt } = editor.form.value;
  const most = service.limits.value.promptCharacters;
  const over = prompt.length - most;
  const missing = editor.missingPictures.value;
  return (
    <div class="field prompt-field">
      <label for={id} class="prompt-label">
        {words.label}
      </label>
      <textarea
        id={id}
        name="prompt"
        rows={3}
        value={prompt}
        placeholder={editor.pictures.list.value.length > 1 ? words.placeholderMany : words.placeholder}
        aria-invalid={over > 0}
        aria-describedby={`${id}-count`}
        onInput={(event) => editor.set({ prompt: event.currentTarget.value })}
      />
      <p id={`${id}-count`} class={over > 0 ? 'field-error' : 'quiet count'}>
        {prompt.length >= most * NEAR_LIMIT && words.used(format.number(prompt.length), format.number(most))}
        {over > 0 && ` · ${words.tooLong(format.number(over))}`}
      </p>
      {missing > 0 && <p class="field-note">{words.missing(missing)}</p>}
      <LoraNote />
      <Examples />
    </div>
  );
}
