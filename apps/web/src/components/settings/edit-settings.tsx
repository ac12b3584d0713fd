import { type ChoiceName, isChoiceName, isSliderName, type ShownName, type SliderName } from '@qwen-edit/contract';
import type { ComponentType } from 'preact';
import { EMPTY_FORM, isAdvanced, isAsRecommended, SHOWN_PARAMETERS } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { ChoiceSetting } from './choice-setting.tsx';
import { LoraSetting } from './lora-setting.tsx';
import { NegativeSetting } from './negative-setting.tsx';
import { NumberSetting } from './number-setting.tsx';
import { SeedSetting } from './seed-setting.tsx';
import { SettingsBrief } from './settings-brief.tsx';
import { SizeSetting } from './size-setting.tsx';

/** The preset stands above, where everybody sees it. */
type SettingName = Exclude<ShownName, 'preset'>;
const SETTINGS = SHOWN_PARAMETERS.filter((name): name is SettingName => name !== 'preset');

/** Controls of shown parameters that are neither a slider nor a choice. */
const OWN_CONTROLS: Readonly<Record<Exclude<SettingName, SliderName | ChoiceName>, ComponentType>> = {
  seed: SeedSetting,
  negative_prompt: NegativeSetting,
  width: SizeSetting,
  lora: LoraSetting,
};

/** A control for every parameter that the table shows on the page, but the preset. */
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
          <SettingsBrief form={editor.inForce.value} />
        </span>
      </summary>
      <div class="settings-body">
        {SETTINGS.filter((name) => !isAdvanced(name)).map((name) => (
          <ParameterControl key={name} name={name} />
        ))}
        <details class="advanced">
          <summary>{words.advanced}</summary>
          {SETTINGS.filter(isAdvanced).map((name) => (
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

function ParameterControl({ name }: { readonly name: SettingName }) {
  if (isSliderName(name)) return <NumberSetting name={name} />;
  if (isChoiceName(name)) return <ChoiceSetting name={name} />;
  const OwnControl = OWN_CONTROLS[name];
  return <OwnControl />;
}
