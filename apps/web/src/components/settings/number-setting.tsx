import { parameterFacts, type SliderName } from '@qwen-edit/contract';
import { useId, useState } from 'preact/hooks';
import { fitNumber, rangeOf } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { IconButton } from '../common/icon-button.tsx';

/** A number by slider and by typing, with what is recommended and the way back to it. */
export function NumberSetting({ name }: { readonly name: SliderName }) {
  const { editor, service } = useApp();
  const { settings: words } = useWords();
  const format = useFormat();
  const range = rangeOf(name, service.model.value);
  const { label, help } = words.sliders[name];
  const id = useId();
  // What is being typed need not be a number yet.
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const chosen = editor.form.value.numbers[name];
  const value = chosen ?? range.recommended;
  const changed = chosen !== undefined && chosen !== range.recommended;

  function finish(): void {
    if (typed === undefined) return;
    const number = Number(typed);
    if (typed.trim() !== '' && Number.isFinite(number)) editor.setNumber(name, fitNumber(number, range));
    setTyped(undefined);
  }

  return (
    <div class={parameterFacts(name).noEffect === true ? 'setting inert' : 'setting'}>
      <div class="setting-head">
        <label for={id}>{label}</label>
        {changed && (
          <IconButton
            icon="reset"
            size={16}
            class="small"
            label={words.reset(label)}
            onClick={() => editor.setNumber(name, undefined)}
          />
        )}
        <input
          type="number"
          class="number"
          aria-label={label}
          min={range.typedMin}
          max={range.typedMax}
          step={range.step < 1 ? range.step : 1}
          value={typed ?? String(value)}
          inputMode={range.step < 1 ? 'decimal' : 'numeric'}
          onInput={(event) => {
            const text = event.currentTarget.value;
            setTyped(text);
            const number = Number(text);
            if (text !== '' && fitNumber(number, range) === number) editor.setNumber(name, number);
          }}
          onBlur={finish}
          onKeyDown={(event) => {
            if (event.key === 'Enter') finish();
          }}
        />
      </div>
      <input
        id={id}
        type="range"
        min={range.min}
        max={range.max}
        step={range.step}
        value={String(value)}
        aria-describedby={`${id}-help`}
        onInput={(event) => {
          setTyped(undefined);
          editor.setNumber(name, Number(event.currentTarget.value));
        }}
      />
      <p id={`${id}-help`} class="quiet">
        {help}
        {changed && ` ${words.recommended(format.number(range.recommended, 1))}.`}
      </p>
    </div>
  );
}
