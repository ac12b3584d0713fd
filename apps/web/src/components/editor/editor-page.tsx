import { recommendedValue } from '../../lib/parameters.ts';
import { useApp, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { EditSettings } from '../settings/edit-settings.tsx';
import { PresetSetting } from '../settings/preset-setting.tsx';
import { useTitle } from '../shell/use-title.ts';
import { PictureStage } from '../stage/picture-stage.tsx';
import { EmptyStage } from './empty-stage.tsx';
import { ModelNote } from './model-note.tsx';
import { Notices } from './notices.tsx';
import { PictureStrip } from './picture-strip.tsx';
import { PromptField } from './prompt-field.tsx';
import { SubmitBar } from './submit-bar.tsx';
import { useAddedAnnouncement } from './use-added-announcement.ts';
import { useIntake } from './use-intake.ts';

/** The form: pictures on the left, prompt and settings on the right. */
export function EditorPage() {
  const { editor, service, router, announcer } = useApp();
  const words = useWords();
  const hovering = useIntake();
  useAddedAnnouncement();
  useTitle(words.title);
  const { chosen, list, reading } = editor.pictures;
  const picture = chosen.value;
  const model = service.model.value;
  const maxSide = editor.form.value.numbers.max_side ?? recommendedValue('max_side', model);

  async function submit(): Promise<void> {
    const job = await editor.submit();
    if (job === undefined) return;
    announcer.say(words.submit.accepted);
    router.go({ name: 'job', id: job.id });
  }

  return (
    <form
      class="workbench"
      aria-labelledby="page-heading"
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        const { obstacle } = editor;
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        if (obstacle.value === undefined) void submit();
      }}
    >
      <h1 id="page-heading" class="offscreen">
        {words.editor.heading}
      </h1>
      <div class="left">
        <Notices />
        {reading.value && (
          <p class="quiet" role="status">
            {words.editor.reading}
          </p>
        )}
        {picture === undefined ? (
          <EmptyStage />
        ) : (
          <PictureStage key={picture.id} shown={{ url: picture.url, alt: picture.name }} size={picture.size} />
        )}
        {list.value.length > 0 && <PictureStrip maxSide={maxSide} />}
      </div>
      <div class="right panel">
        <ModelNote />
        <PromptField />
        <PresetSetting />
        <EditSettings />
        <SubmitBar onSubmit={() => void submit()} />
      </div>
      {hovering && (
        <div class="drop-veil" aria-hidden="true">
          <Icon name="picture" size={40} />
          {words.editor.dropNow}
        </div>
      )}
    </form>
  );
}
