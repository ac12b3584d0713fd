import type { ServedModel } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import type { Dictionary } from '../../i18n/en.ts';
import { recommendedValue } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { DownloadProgress } from '../common/download-progress.tsx';
import { ModelDialog } from '../editor/model-dialog.tsx';

function stateOf({ ready, download, last_error }: ServedModel, { status }: Dictionary): string {
  if (ready) return status.ready;
  if (download !== null) return status.downloading;
  return last_error === null ? status.notReady : status.troubled;
}

/** A model that workers have, and what it recommends. */
export function ModelPanel({ model }: { readonly model: ServedModel }) {
  const { preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const [open, setOpen] = useState(false);
  const language = preferences.language.value;
  const recommended = [
    words.settings.stepsShort(format.number(recommendedValue('num_inference_steps', model))),
    `true_cfg_scale ${format.number(recommendedValue('true_cfg_scale', model), 1)}`,
    `max_side ${recommendedValue('max_side', model)}`,
  ];
  const rows: readonly (readonly [name: string, value: string])[] = [
    [words.status.state, stateOf(model, words)],
    [words.status.device, model.devices.map((device) => device.toUpperCase()).join(', ')],
    [words.status.defaults, recommended.join(' · ')],
    ...(model.digest === null ? [] : [[words.status.digest, model.digest] as const]),
  ];
  return (
    <section class="panel" aria-label={model.id}>
      <h2>
        {model.id} {model.demo && <span class="badge">{words.demo.badge}</span>}
      </h2>
      {model.summary !== null && <p>{model.summary[language]}</p>}
      {model.download !== null && <DownloadProgress download={model.download} />}
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {(model.edits.length > 0 || model.full_model !== null) && (
        <button type="button" class="button small" onClick={() => setOpen(true)}>
          {words.demo.more}
        </button>
      )}
      {open && <ModelDialog model={model} onClose={() => setOpen(false)} />}
    </section>
  );
}
