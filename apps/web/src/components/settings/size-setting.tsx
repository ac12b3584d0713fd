import { parameterFacts } from '@qwen-edit/contract';
import { useEffect, useId, useState } from 'preact/hooks';
import { EMPTY_FORM } from '../../lib/parameters.ts';
import { smallerArea } from '../../lib/presets.ts';
import {
  expectedResultSize,
  fitSizeNumber,
  SIZE_MODES,
  SIZE_NUMBERS,
  sizeModeOf,
  sizeText,
  withSizeMode,
  withSizeNumber,
} from '../../lib/size.ts';
import { useApp, useWords } from '../../state/use-app.tsx';

/** The size of the result: as the preset or the model makes it, or the reader's own; and which one it will be. */
export function SizeSetting() {
  const { editor, service } = useApp();
  const { settings: words } = useWords();
  const id = useId();
  const form = editor.form.value;
  // An own size may be empty while it is being typed.
  const [own, setOwn] = useState(false);
  useEffect(() => {
    if (form.numbers === EMPTY_FORM.numbers) setOwn(false);
  }, [form.numbers]);
  const mode = own ? 'own' : sizeModeOf(form);
  const preset = editor.preset.value;
  const model = service.modelSizes.value;
  const last = editor.pictures.list.value.at(-1)?.size;
  const expected = last === undefined ? undefined : expectedResultSize(editor.inForce.value, [last], model);
  return (
    <fieldset class="setting plain" aria-describedby={`${id} ${id}-expected`}>
      <legend>{words.size}</legend>
      <div class="segments">
        {SIZE_MODES.map((each) => (
          <label key={each} class="segment">
            <input
              type="radio"
              name="size-mode"
              value={each}
              checked={each === mode}
              onChange={() => {
                setOwn(each === 'own');
                editor.set({ numbers: withSizeMode(form.numbers, each, expected?.width) });
              }}
            />
            <span>{words.sizeModes[each]}</span>
          </label>
        ))}
      </div>
      {mode === 'own' && <OwnSize />}
      <p id={id} class="quiet">
        {
          words.sizeHelp[
            mode === 'auto' && preset !== undefined && smallerArea(preset, model) !== undefined ? 'preset' : mode
          ]
        }
      </p>
      {expected !== undefined && (
        <p id={`${id}-expected`} class="quiet">
          {words.sizeExpected(sizeText(expected))}
        </p>
      )}
    </fieldset>
  );
}

function OwnSize() {
  const { editor } = useApp();
  const { settings: words } = useWords();
  const { numbers } = editor.form.value;
  return (
    <div class="row sides">
      {SIZE_NUMBERS.map((name) => {
        const { min, max } = parameterFacts(name);
        return (
          <label key={name} class="side">
            <span>{words[name]}</span>
            <input
              type="number"
              class="number"
              min={min}
              max={max}
              step={1}
              placeholder={words.sizeAuto}
              value={numbers[name] ?? ''}
              onInput={(event) => {
                const value = fitSizeNumber(name, event.currentTarget.valueAsNumber);
                editor.set({ numbers: withSizeNumber(numbers, name, value) });
              }}
            />
          </label>
        );
      })}
    </div>
  );
}
