import { LORA_LIMITS } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { loraTitle } from '../../i18n/offer-words.ts';
import {
  isListFull,
  isUsable,
  type LoraLine,
  loraKey,
  loraLines,
  SCALE_RANGE,
  withLora,
  withScale,
} from '../../lib/loras.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { NumberControl } from './number-control.tsx';

/** The LoRAs that the model offers, and those that a job of the API named; nothing if there are none. */
export function LoraSetting() {
  const { editor, service } = useApp();
  const { loras: words } = useWords();
  const { loras } = editor.form.value;
  const id = useId();
  const lines = loraLines(loras, service.model.value, editor.preset.value?.lora);
  if (lines.length === 0) return null;
  return (
    <fieldset class="setting plain" aria-describedby={id}>
      <legend>{words.label}</legend>
      <ul class="loras">
        {lines.map((line) => (
          <li key={loraKey(line.lora)} class="lora">
            <LoraSwitch line={line} />
          </li>
        ))}
      </ul>
      <p id={id} class="quiet">
        {words.help} {isListFull(loras) && words.full(String(LORA_LIMITS.count))}
      </p>
    </fieldset>
  );
}

function LoraSwitch({ line: { lora, offered, on, inPreset } }: { readonly line: LoraLine }) {
  const { editor, service, preferences } = useApp();
  const { loras: words } = useWords();
  const format = useFormat();
  const id = useId();
  const language = preferences.language.value;
  const model = service.model.value;
  const { loras } = editor.form.value;
  const title = loraTitle(lora, model, language);
  const usable = isUsable(lora, model);
  const byPreset = inPreset !== undefined;
  // One that is on can be switched off whatever the matter is with it.
  const fixed = !on && (!usable || byPreset || isListFull(loras));
  const said = [
    offered?.description?.[language],
    offered?.unavailable === undefined ? undefined : words.unavailable,
    !usable && offered === undefined ? words.notOffered : undefined,
    byPreset ? words.byPreset(format.number(inPreset, 2)) : undefined,
  ].filter((sentence) => sentence !== undefined);
  return (
    <>
      <label class={usable ? 'check' : 'check unavailable'}>
        <input
          type="checkbox"
          checked={on || (byPreset && usable)}
          disabled={fixed}
          aria-describedby={id}
          onChange={(event) => editor.set({ loras: withLora(loras, lora, event.currentTarget.checked) })}
        />
        <span class="lora-title">{title}</span>
      </label>
      <p id={id} class="quiet">
        {said.join(' ')}
        {offered?.unavailable !== undefined && <span lang="en"> {offered.unavailable}</span>}
      </p>
      {on && usable && (
        <NumberControl
          label={words.scale(title)}
          range={SCALE_RANGE}
          value={lora.scale}
          changed={lora.scale !== SCALE_RANGE.recommended}
          onValue={(scale) => editor.set({ loras: withScale(loras, lora, scale) })}
          onReset={() => editor.set({ loras: withScale(loras, lora, SCALE_RANGE.recommended) })}
        />
      )}
    </>
  );
}
