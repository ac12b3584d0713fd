import { LIMITS } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';

/** Width and height of the result, for who wants others than the model's own. */
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
              min={1}
              max={LIMITS.side}
              step={1}
              placeholder={words.sizeAuto}
              value={form.value[side] ?? ''}
              onInput={(event) => {
                const value = Math.round(event.currentTarget.valueAsNumber);
                const fits = value >= 1 && value <= LIMITS.side;
                editor.set({ [side]: fits ? value : undefined });
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
