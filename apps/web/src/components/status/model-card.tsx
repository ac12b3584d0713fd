import type { Model } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import { rangesOf } from '../../lib/parameters.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { ModelDialog } from '../editor/model-dialog.tsx';

/** A model that workers have, and what it recommends. */
export function ModelCard({ model }: { readonly model: Model }) {
  const { preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const [open, setOpen] = useState(false);
  const language = preferences.language.value;
  const { num_inference_steps, true_cfg_scale, max_side } = rangesOf(model);
  const rows: readonly (readonly [name: string, value: string])[] = [
    [words.status.state, model.ready ? words.status.ready : words.status.notReady],
    [words.status.device, model.devices.map((device) => device.toUpperCase()).join(', ')],
    [
      words.status.defaults,
      `${words.settings.stepsShort(format.number(num_inference_steps.recommended))} · true_cfg_scale ${format.number(true_cfg_scale.recommended, 1)} · max_side ${max_side.recommended}`,
    ],
    ...(model.digest === null ? [] : [[words.status.digest, model.digest] as const]),
  ];
  return (
    <section class="panel" aria-label={model.id}>
      <h2>
        {model.id} {model.demo && <span class="badge">{words.demo.badge}</span>}
      </h2>
      {model.summary !== null && <p>{model.summary[language]}</p>}
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
