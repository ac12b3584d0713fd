import { loraTitle } from '../../i18n/offer-words.ts';
import { kindOfPrompt } from '../../lib/example-prompts.ts';
import { isListFull, isUsable, withLora } from '../../lib/loras.ts';
import { useApp, useWords } from '../../state/use-app.tsx';

/** Which LoRA the prompt needs and whether it is on; or which one is still on from an example. */
export function LoraNote() {
  const { editor, service, preferences } = useApp();
  const { prompt: words } = useWords();
  const language = preferences.language.value;
  const model = service.model.value;
  const { prompt, loras } = editor.form.value;
  const needed = kindOfPrompt(prompt, model)?.lora;
  const kept = loras.find(({ byExample }) => byExample === true);
  const name = needed ?? kept?.name;
  if (name === undefined) return null;
  const lora = { name, scale: 1 };
  const title = loraTitle(lora, model, language);
  const inForce = [...(editor.preset.value?.lora ?? []), ...editor.inForce.value.loras];
  if (needed === undefined)
    return (
      <p class="field-note calm" role="status">
        {words.loraKept(title)}{' '}
        <button type="button" class="link-button" onClick={() => editor.set({ loras: withLora(loras, lora, false) })}>
          {words.loraSwitchOff}
        </button>
      </p>
    );
  if (inForce.some((each) => each.name === needed))
    return (
      <p class="field-note calm" role="status">
        {words.loraOn(title)}
      </p>
    );
  const usable = isUsable(lora, model);
  return (
    <p class="field-note" role="status">
      {usable ? words.loraOff(title) : words.loraGone(title)}{' '}
      {usable && !isListFull(loras) && (
        <button type="button" class="link-button" onClick={() => editor.set({ loras: withLora(loras, lora, true) })}>
          {words.loraSwitchOn}
        </button>
      )}
    </p>
  );
}
