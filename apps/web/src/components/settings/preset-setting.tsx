import type { OfferedPreset } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { presetWords } from '../../i18n/offer-words.ts';
import { choiceOf, EMPTY_FORM, recommendedValue, STANDARD } from '../../lib/parameters.ts';
import { presetChoice, shownPresets, smallerArea } from '../../lib/presets.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { PresetNotes } from './preset-notes.tsx';

/** The first setting: values that go well together, by one choice. */
export function PresetSetting() {
  const { editor, service, preferences } = useApp();
  const words = useWords();
  const id = useId();
  const language = preferences.language.value;
  const presets = shownPresets(service.model.value);
  const sizes = service.modelSizes.value;
  const chosen = editor.inForce.value.preset ?? STANDARD;
  const known = presets.find(({ name }) => name === chosen);
  // Before the model is known, what a job or an earlier visit has chosen is shown by its name.
  const shown: readonly OfferedPreset[] = known === undefined ? [...presets, { name: chosen }] : presets;
  const { help } = presetWords(chosen, known, words, language);
  const whole =
    chosen === 'draft' &&
    known?.description === undefined &&
    smallerArea(known ?? { name: chosen }, sizes) === undefined;
  return (
    <fieldset class="setting plain presets" aria-describedby={`${id}-help`}>
      <legend>{words.presets.label}</legend>
      <div class="preset-row">
        {shown.map((preset) => {
          const { name, unavailable } = preset;
          return (
            <label key={name} class={unavailable === undefined ? 'preset' : 'preset unavailable'}>
              <input
                type="radio"
                name="preset"
                value={name}
                checked={name === chosen}
                disabled={unavailable !== undefined}
                aria-describedby={unavailable === undefined ? undefined : `${id}-${name}`}
                onChange={() => editor.set({ preset: presetChoice(name) })}
              />
              <span class="preset-face">
                <span class="preset-title">{presetWords(name, preset, words, language).title}</span>
                <span class="preset-facts">
                  <PresetFacts preset={preset} />
                </span>
              </span>
            </label>
          );
        })}
      </div>
      <p id={`${id}-help`} class="quiet">
        {whole ? words.presets.draftIsWhole : help}
      </p>
      {presets.map(
        (preset) =>
          preset.unavailable !== undefined && (
            <p key={preset.name} id={`${id}-${preset.name}`} class="quiet">
              {words.presets.unavailable(presetWords(preset.name, preset, words, language).title)}{' '}
              <span lang="en">{preset.unavailable}</span>
            </p>
          ),
      )}
      <PresetNotes />
    </fieldset>
  );
}

/** What a preset means for this model: steps, and what else is not as usual. */
function PresetFacts({ preset }: { readonly preset: OfferedPreset }) {
  const { service } = useApp();
  const { settings, presets: words } = useWords();
  const format = useFormat();
  const area = smallerArea(preset, service.modelSizes.value);
  const speed = choiceOf(EMPTY_FORM, 'speed', preset);
  const facts = [
    settings.stepsShort(format.number(recommendedValue('num_inference_steps', service.model.value, preset))),
    ...(area === undefined ? [] : [words.about(String(Math.round(Math.sqrt(area))))]),
    ...(speed === 'exact' ? [] : [settings.choices.speed.values[speed] ?? speed]),
  ];
  return <>{facts.join(' · ')}</>;
}
