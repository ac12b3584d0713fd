import { choiceOf, chosenWord, type FormValues, recommendedValue } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';

/** The settings that matter most, in a line. */
export function SettingsBrief({ form }: { readonly form: FormValues }) {
  const { service } = useApp();
  const { settings: words } = useWords();
  const format = useFormat();
  const { numbers, seed } = form;
  const steps = numbers.num_inference_steps ?? recommendedValue('num_inference_steps', service.model.value);
  const count = numbers.num_images_per_prompt ?? 1;
  const parts = [
    words.stepsShort(format.number(steps)),
    seed.trim() === '-1' ? words.seedRandomShort : words.seedShort(seed.trim()),
    ...(count > 1 ? [words.resultsShort(format.number(count))] : []),
    ...(chosenWord(form, 'preset') === 'draft' ? [words.draftShort] : []),
    choiceOf(form, 'output_format').toUpperCase(),
  ];
  return <>{parts.join(' · ')}</>;
}
