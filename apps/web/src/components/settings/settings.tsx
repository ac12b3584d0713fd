import { useId } from 'preact/hooks';
import { EMPTY_FORM, rangesOf } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { FormatSetting } from './format-setting.tsx';
import { NumberSetting } from './number-setting.tsx';
import { SeedSetting } from './seed-setting.tsx';
import { SettingsBrief } from './settings-brief.tsx';
import { SizeSetting } from './size-setting.tsx';

/** The guide's controls, and what else an edit can be told. */
export function Settings() {
  const { editor, service, preferences } = useApp();
  const { settings: words } = useWords();
  const id = useId();
  const ranges = rangesOf(service.model.value);
  const { negative_prompt, ...form } = editor.form.value;
  const { settingsOpen } = preferences;
  const asRecommended =
    Object.keys(form.numbers).length === 0 &&
    form.seed === EMPTY_FORM.seed &&
    (negative_prompt ?? '') === '' &&
    form.output_format === EMPTY_FORM.output_format &&
    form.width === undefined &&
    form.height === undefined;
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
          <SettingsBrief form={editor.form.value} />
        </span>
      </summary>
      <div class="settings-body">
        <NumberSetting
          name="num_inference_steps"
          range={ranges.num_inference_steps}
          label={words.steps}
          help={words.stepsHelp}
        />
        <SeedSetting />
        <NumberSetting name="true_cfg_scale" range={ranges.true_cfg_scale} label={words.cfg} help={words.cfgHelp} />
        <NumberSetting
          name="guidance_scale"
          range={ranges.guidance_scale}
          label={words.guidance}
          help={words.guidanceHelp}
          inert
        />
        <NumberSetting name="max_side" range={ranges.max_side} label={words.maxSide} help={words.maxSideHelp} />
        <NumberSetting
          name="num_images_per_prompt"
          range={ranges.num_images_per_prompt}
          label={words.count}
          help={words.countHelp}
        />
        <FormatSetting />
        <SizeSetting />
        <div class="setting">
          <label for={id}>{words.negative}</label>
          <textarea
            id={id}
            rows={2}
            value={negative_prompt ?? ''}
            aria-describedby={`${id}-help`}
            onInput={(event) => editor.set({ negative_prompt: event.currentTarget.value })}
          />
          <p id={`${id}-help`} class="quiet">
            {words.negativeHelp}
          </p>
        </div>
        <button
          type="button"
          class="button small"
          disabled={asRecommended}
          onClick={() => editor.set({ ...EMPTY_FORM, prompt: form.prompt })}
        >
          <Icon name="reset" size={16} />
          {words.resetAll}
        </button>
      </div>
    </details>
  );
}
