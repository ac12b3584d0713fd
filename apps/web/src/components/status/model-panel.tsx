import type { ServedModel } from '@qwen-edit/contract';
import { useState } from 'preact/hooks';
import type { Dictionary } from '../../i18n/en.ts';
import { loraTitle, presetWords } from '../../i18n/offer-words.ts';
import { recommendedValue } from '../../lib/parameters.ts';
import { shownPresets } from '../../lib/presets.ts';
import { roughSeconds } from '../../lib/rough-time.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { DownloadProgress } from '../common/download-progress.tsx';
import { ModelDialog } from '../editor/model-dialog.tsx';

function stateOf({ ready, loads_with_first_job, download, last_error }: ServedModel, { status }: Dictionary): string {
  if (ready) return status.ready;
  if (loads_with_first_job) return status.unloaded;
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
  const { max_images, largest_output_area } = model.limits;
  const limits = [
    words.demo.pictures(max_images),
    ...(largest_output_area === null ? [] : [words.status.megapixels(format.number(largest_output_area / 1e6, 1))]),
  ];
  const usual = model.usual_seconds;
  const rows: readonly (readonly [name: string, value: string])[] = [
    [words.status.state, stateOf(model, words)],
    [words.status.device, model.devices.map((device) => device.toUpperCase()).join(', ')],
    [words.status.defaults, recommended.join(' · ')],
    [
      words.status.presets,
      shownPresets(model)
        .map((preset) => presetWords(preset.name, preset, words, language).title)
        .join(' · '),
    ],
    ...(model.loras.length === 0
      ? []
      : [[words.status.loras, model.loras.map((lora) => loraTitle(lora, model, language)).join(' · ')] as const]),
    ...(limits.length === 0 ? [] : [[words.status.takes, limits.join(' · ')] as const]),
    ...(usual === null
      ? []
      : [
          [
            words.status.usual,
            (usual.basis === 'history' ? words.estimate.about : words.estimate.rough)(
              format.duration(roughSeconds(usual.median)),
            ),
          ] as const,
        ]),
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
