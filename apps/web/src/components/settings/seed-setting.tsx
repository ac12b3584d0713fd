import { GUIDE_DEFAULTS, isSeed } from '@qwen-edit/contract';
import { useId } from 'preact/hooks';
import { drawSeed } from '../../lib/seed.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { IconButton } from '../common/icon-button.tsx';

export function SeedSetting() {
  const { editor } = useApp();
  const { settings: words } = useWords();
  const id = useId();
  const { seed } = editor.form.value;
  const bad = !isSeed(seed);
  const random = seed.trim() === '-1';
  return (
    <div class="setting">
      <div class="setting-head">
        <label for={id}>{words.seed}</label>
        <input
          id={id}
          type="text"
          inputMode="numeric"
          class="seed"
          autocomplete="off"
          spellcheck={false}
          value={seed}
          aria-invalid={bad}
          aria-describedby={`${id}-help`}
          onInput={(event) => editor.set({ seed: event.currentTarget.value })}
        />
        <IconButton
          icon="dice"
          label={words.dice}
          class="bordered"
          onClick={() => editor.set({ seed: drawSeed(seed, (numbers) => crypto.getRandomValues(numbers)) })}
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={random}
          onChange={(event) => editor.set({ seed: event.currentTarget.checked ? '-1' : GUIDE_DEFAULTS.seed })}
        />
        {words.seedRandom}
      </label>
      <p id={`${id}-help`} class={bad ? 'field-error' : 'quiet'}>
        {bad ? words.seedBad : words.seedHelp}
      </p>
    </div>
  );
}
