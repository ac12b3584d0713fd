import { OUTPUT_FORMATS } from '@qwen-edit/contract';
import { useApp, useWords } from '../../state/use-app.tsx';

const NAMES = { png: 'PNG', jpeg: 'JPEG', webp: 'WebP' } as const;

export function FormatSetting() {
  const { editor } = useApp();
  const { settings: words } = useWords();
  const { output_format } = editor.form.value;
  return (
    <fieldset class="setting plain">
      <legend>{words.format}</legend>
      <div class="segments">
        {OUTPUT_FORMATS.map((format) => (
          <label key={format} class="segment">
            <input
              type="radio"
              name="output_format"
              value={format}
              checked={format === output_format}
              onChange={() => editor.set({ output_format: format })}
            />
            <span>{NAMES[format]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
