import { type FormValues, rangesOf } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';

/** The settings that matter most, in a line. */
export function SettingsBrief({ form }: { readonly form: FormValues }) {
  const { service } = useApp();
  const { settings: words } = useWords();
  const format = useFormat();
  const { numbers, seed, output_format } = form;
  const ranges = rangesOf(service.model.value);
  const count = numbers.num_images_per_prompt ?? 1;
  const parts = [
    words.stepsShort(format.number(numbers.num_inference_steps ?? ranges.num_inference_steps.recommended)),
    seed.trim() === '-1' ? words.seedRandomShort : words.seedShort(seed.trim()),
    ...(count > 1 ? [words.resultsShort(format.number(count))] : []),
    output_format.toUpperCase(),
  ];
  return <>{parts.join(' · ')}</>;
}
