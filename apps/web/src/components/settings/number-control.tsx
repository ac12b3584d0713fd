import { useId, useState } from 'preact/hooks';
import { fitNumber, type SliderRange } from '../../lib/parameters.ts';
import { useFormat, useWords } from '../../state/use-app.tsx';
import { IconButton } from '../common/icon-button.tsx';

export interface NumberControlProps {
  readonly label: string;
  readonly help?: string;
  readonly range: SliderRange;
  readonly value: number;
  /** True for a value that is not the recommended one. */
  readonly changed: boolean;
  /** True for a number that is accepted and changes nothing. */
  readonly inert?: boolean;
  readonly disabled?: boolean;
  readonly onValue: (value: number) => void;
  readonly onReset: () => void;
}

/** A number by slider and by typing, with what is recommended and the way back to it. */
export function NumberControl(props: NumberControlProps) {
  const { label, help, range, value, changed, inert = false, disabled = false, onValue, onReset } = props;
  const { settings: words } = useWords();
  const format = useFormat();
  const id = useId();
  // What is being typed need not be a number yet.
  const [typed, setTyped] = useState<string | undefined>(undefined);

  function finish(): void {
    if (typed === undefined) return;
    const number = Number(typed);
    if (typed.trim() !== '' && Number.isFinite(number)) onValue(fitNumber(number, range));
    setTyped(undefined);
  }

  return (
    <div class={inert ? 'setting inert' : 'setting'}>
      <div class="setting-head">
        <label for={id}>{label}</label>
        {changed && !disabled && (
          <IconButton icon="reset" size={16} class="small" label={words.reset(label)} onClick={onReset} />
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
          disabled={disabled}
          onInput={(event) => {
            const text = event.currentTarget.value;
            setTyped(text);
            const number = Number(text);
            if (text !== '' && fitNumber(number, range) === number) onValue(number);
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
        disabled={disabled}
        onInput={(event) => {
          setTyped(undefined);
          onValue(fitNumber(Number(event.currentTarget.value), range));
        }}
      />
      <p id={`${id}-help`} class="quiet">
        {help}
        {changed && ` ${words.recommended(format.number(range.recommended, 1))}.`}
      </p>
    </div>
  );
}
