import { loraTitle, presetWords } from '../../i18n/offer-words.ts';
import { choiceOf, type FormValues, recommendedValue, STANDARD } from '../../lib/parameters.ts';
import { shownPresets } from '../../lib/presets.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';

/** The settings that matter most, in a line. */
export function SettingsBrief({ form }: { readonly form: FormValues }) {
  const { service, preferences } = useApp();
  const words = useWords();
  const { settings } = words;
  const format = useFormat();
  const language = preferences.language.value;
  const model = service.model.value;
  const { numbers, seed, preset: name = STANDARD } = form;
  // A job that is done keeps what its preset said, also if this cannot be used now.
  const preset = shownPresets(model).find((each) => each.name === name);
  const steps = numbers.num_inference_steps ?? recommendedValue('num_inference_steps', model, preset);
  const count = numbers.num_images_per_prompt ?? 1;
  const speed = choiceOf(form, 'speed', preset);
  const parts = [
    ...(name === STANDARD ? [] : [presetWords(name, preset, words, language).title]),
    settings.stepsShort(format.number(steps)),
    ...form.loras.map((lora) => `${loraTitle(lora, model, language)} × ${format.number(lora.scale, 2)}`),
    ...(speed === 'exact' ? [] : [settings.choices.speed.values[speed] ?? speed]),
    seed.trim() === '-1' ? settings.seedRandomShort : settings.seedShort(seed.trim()),
    ...(count > 1 ? [settings.resultsShort(format.number(count))] : []),
    choiceOf(form, 'output_format').toUpperCase(),
  ];
  return <>{parts.join(' · ')}</>;
}
