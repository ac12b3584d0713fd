import { presetWords } from '../../i18n/offer-words.ts';
import { STANDARD } from '../../lib/parameters.ts';
import { asPresetSays, isLost, type Overridden, overriddenBy, shownPresets } from '../../lib/presets.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';

/** That a chosen preset does not hold, or not in all that it says. */
export function PresetNotes() {
  const { editor, service, preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const language = preferences.language.value;
  const form = editor.form.value;
  const model = service.model.value;
  const titleOf = (name: string): string => {
    const preset = shownPresets(model).find((each) => each.name === name);
    return presetWords(name, preset, words, language).title;
  };
  const overridden = overriddenBy(form, editor.preset.value);
  const { settings } = words;
  const label = (name: Overridden): string => {
    if (name === 'size') return settings.size;
    return name === 'speed' || name === 'reference_size' ? settings.choices[name].label : settings.sliders[name].label;
  };
  return (
    <>
      {form.preset !== undefined && isLost(form, model) && (
        <p class="field-note" role="status">
          {words.presets.lost(titleOf(form.preset), titleOf(STANDARD))}
        </p>
      )}
      {overridden.length > 0 && (
        <p class="field-note" role="status">
          {words.presets.own(format.list(overridden.map(label)))}{' '}
          <button type="button" class="link-button" onClick={() => editor.set(asPresetSays(form, overridden))}>
            {words.presets.takeIts}
          </button>
        </p>
      )}
    </>
  );
}
