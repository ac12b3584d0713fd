import { parameterFacts, type SliderName } from '@qwen-edit/contract';
import { rangeOf } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { NumberControl } from './number-control.tsx';

/** A number of the table. */
export function NumberSetting({ name }: { readonly name: SliderName }) {
  const { editor, service } = useApp();
  const { label, help } = useWords().settings.sliders[name];
  const range = rangeOf(name, service.model.value, editor.preset.value);
  const chosen = editor.form.value.numbers[name];
  return (
    <NumberControl
      label={label}
      help={help}
      range={range}
      value={chosen ?? range.recommended}
      changed={chosen !== undefined && chosen !== range.recommended}
      inert={parameterFacts(name).noEffect === true}
      onValue={(value) => editor.setNumber(name, value)}
      onReset={() => editor.setNumber(name, undefined)}
    />
  );
}
