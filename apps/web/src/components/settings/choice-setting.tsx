import { type ChoiceName, PARAMETERS } from '@qwen-edit/contract';
import { choiceOf } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';

/** One word of a short list. */
export function ChoiceSetting({ name }: { readonly name: ChoiceName }) {
  const { editor } = useApp();
  const { settings } = useWords();
  const words = settings.choices[name];
  const chosen = choiceOf(editor.form.value, name);
  return (
    <fieldset class="setting plain">
      <legend>{words.label}</legend>
      <div class="segments">
        {PARAMETERS[name].choices.map((value) => (
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
    </fieldset>
  );
}
