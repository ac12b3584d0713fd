import { type ChoiceName, isChoiceName, isSliderName, type ShownName, type SliderName } from '@qwen-edit/contract';
import type { ComponentType } from 'preact';
import { EMPTY_FORM, isAdvanced, isAsRecommended, SHOWN_PARAMETERS } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { ChoiceSetting } from './choice-setting.tsx';
import { NegativeSetting } from './negative-setting.tsx';
import { NumberSetting } from './number-setting.tsx';
import { SeedSetting } from './seed-setting.tsx';
import { SettingsBrief } from './settings-brief.tsx';
import { SizeSetting } from './size-setting.tsx';

/** Controls of shown parameters that are neither a slider nor a choice. */
const OWN_CONTROLS: Readonly<Record<Exclude<ShownName, SliderName | ChoiceName>, ComponentType>> = {
  seed: SeedSetting,
  negative_prompt: NegativeSetting,
  width: SizeSetting,
};

/** A control for every parameter that the table shows on the page. */
export function EditSettings() {
  const { editor, preferences } = useApp();
  const { settings: words } = useWords();
  const form = editor.form.value;
  const { settingsOpen } = preferences;
  return (
    <details
      class="settings"
      open={settingsOpen.value}
      onToggle={(event) => {
        settingsOpen.value = event.currentTarget.open;
      }}
    >
      <summary>
        <Icon name="sliders" size={18} />
        <span class="settings-title">{words.heading}</span>
        <span class="settings-brief">
          <SettingsBrief form={form} />
        </span>
      </summary>
      <div class="settings-body">
        {SHOWN_PARAMETERS.filter((name) => !isAdvanced(name)).map((name) => (
          <ParameterControl key={name} name={name} />
        ))}
        <details class="advanced">
          <summary>{words.advanced}</summary>
          {SHOWN_PARAMETERS.filter(isAdvanced).map((name) => (
            <ParameterControl key={name} name={name} />
          ))}
        </details>
        <button
          type="button"
          class="button small"
          disabled={isAsRecommended(form)}
          onClick={() => editor.set({ ...EMPTY_FORM, prompt: form.prompt })}
        >
          <Icon name="reset" size={16} />
          {words.resetAll}
        </button>
      </div>
    </details>
  );
}

function ParameterControl({ name }: { readonly name: ShownName }) {
  if (isSliderName(name)) return <NumberSetting name={name} />;
  if (isChoiceName(name)) return <ChoiceSetting name={name} />;
  const OwnControl = OWN_CONTROLS[name];
  return <OwnControl />;
}
