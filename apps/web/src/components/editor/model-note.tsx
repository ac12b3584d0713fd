import { useState } from 'preact/hooks';
import { useApp, useWords } from '../../state/use-app.tsx';
import { DownloadProgress } from '../common/download-progress.tsx';
import { ErrorBox } from '../common/error-box.tsx';
import { Icon } from '../common/icon.tsx';
import { Spinner } from '../common/spinner.tsx';
import { ModelDialog } from './model-dialog.tsx';

/** What the reader should know about the model before they judge its pictures, or why there is none yet. */
export function ModelNote() {
  const { service } = useApp();
  const { demo, editor } = useWords();
  const [open, setOpen] = useState(false);
  const model = service.model.value;
  const failure = service.failure.value;
  if (service.models.value === undefined) {
    return failure === undefined || failure.code === 'service_unreachable' ? null : <ErrorBox error={failure} />;
  }
  if (model === undefined || !model.ready) {
    const trouble = model?.last_error ?? null;
    const download = model?.download ?? null;
    const unloaded = model?.loads_with_first_job === true;
    const loads = model !== undefined && !unloaded && (trouble === null || download !== null);
    return (
      <div class={unloaded ? 'model-note' : 'model-note warn'}>
        {loads ? <Spinner /> : <Icon name={unloaded ? 'clock' : 'alert'} size={18} />}
        <div>
          <div role="status">
            {model === undefined
              ? editor.noModel
              : unloaded
                ? editor.modelUnloaded
                : download !== null
                  ? editor.modelDownloading
                  : loads
                    ? editor.modelLoading
                    : editor.modelFailed}
            {trouble !== null && (
              <div class="notice-detail" lang="en">
                {trouble}
              </div>
            )}
          </div>
          {download !== null && <DownloadProgress download={download} />}
        </div>
      </div>
    );
  }
  if (!model.demo) return null;
  return (
    <p class="model-note">
      <span class="badge">{demo.badge}</span>
      <span>{demo.short}</span>{' '}
      <button type="button" class="link-button" onClick={() => setOpen(true)}>
        {demo.more}
      </button>
      {open && <ModelDialog model={model} onClose={() => setOpen(false)} />}
    </p>
  );
}
