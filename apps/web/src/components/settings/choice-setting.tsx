import { type ChoiceName, parameterFacts } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { choiceOf } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';

/** One word of a short list. */
export function ChoiceSetting({ name }: { readonly name: ChoiceName }) {
  const { editor } = useApp();
  const { settings } = useWords();
  const words = settings.choices[name];
  const chosen = choiceOf(editor.form.value, name, editor.preset.value);
  const id = useId();
  return (
    <fieldset class="setting plain" aria-describedby={words.help === undefined ? undefined : id}>
      <legend>{words.label}</legend>
      <div class="segments">
        {parameterFacts(name).choices?.map((value) => (
          <label key={value} class="segment">
            <input
              type="radio"
              name={name}
              value={value}
              checked={value === chosen}
              onChange={() => editor.setChoice(name, value)}
            />
            <span>{words.values[value] ?? value}</span>
          </label>
        ))}
      </div>
      {words.help !== undefined && (
        <div id={id} class="quiet">
          {words.each?.[chosen] !== undefined && <p>{words.each[chosen]}</p>}
          <p>{words.help}</p>
        </div>
      )}
    </fieldset>
  );
}
