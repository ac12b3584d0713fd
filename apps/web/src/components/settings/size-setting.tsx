import { PARAMETERS } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';

/** Width and height of the result, if the reader wants others than the model's own. */
export function SizeSetting() {
  const { editor } = useApp();
  const { settings: words } = useWords();
  const id = useId();
  const { form } = editor;
  const sides = ['width', 'height'] as const;
  return (
    <fieldset class="setting plain" aria-describedby={id}>
      <legend>{words.size}</legend>
      <div class="row">
        {sides.map((side) => (
          <label key={side} class="side">
            <span>{words[side]}</span>
            <input
              type="number"
              class="number"
              min={PARAMETERS[side].min}
              max={PARAMETERS[side].max}
              step={1}
              placeholder={words.sizeAuto}
              value={form.value.numbers[side] ?? ''}
              onInput={(event) => {
                const value = Math.round(event.currentTarget.valueAsNumber);
                const fits = value >= PARAMETERS[side].min && value <= PARAMETERS[side].max;
                editor.setNumber(side, fits ? value : undefined);
              }}
            />
          </label>
        ))}
      </div>
      <p id={id} class="quiet">
        {words.sizeHelp}
      </p>
    </fieldset>
  );
}
