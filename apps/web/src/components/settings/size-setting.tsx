import { parameterFacts } from '@qwen-edit/contract';
import { useEffect, useId, useState } from 'preact/hooks';
import { EMPTY_FORM } from '../../lib/parameters.ts';
import {
  expectedResultSize,
  fitSizeNumber,
  isSmallModel,
  SIZE_MODES,
  SIZE_NUMBERS,
  sizeModeOf,
  sizeText,
  withSizeMode,
  withSizeNumber,
} from '../../lib/size.ts';
import { useApp, useWords } from '../../state/use-app.tsx';

/** The size of the result: as the model makes it, a draft, or the reader's own; and which one it will be. */
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
  const model = service.modelSizes.value;
  const last = editor.pictures.list.value.at(-1)?.size;
  const expected = last === undefined ? undefined : expectedResultSize(form, [last], model);
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
                editor.set(withSizeMode(form, each, expected?.width));
              }}
            />
            <span>{words.sizeModes[each]}</span>
          </label>
        ))}
      </div>
      {mode === 'own' && <OwnSize />}
      <p id={id} class="quiet">
        {mode === 'draft' && isSmallModel(model) ? words.draftIsWhole : words.sizeHelp[mode]}
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
