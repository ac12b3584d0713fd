import type { Job } from '@qwen-edit/contract';
import { z } from 'zod';
import type { Dictionary } from '../../i18n/en.ts';
import { loraTitle, presetWords } from '../../i18n/offer-words.ts';
import type { Format } from '../../lib/format.ts';
import { formOfJob } from '../../lib/parameters.ts';
import { shownPresets } from '../../lib/presets.ts';
import { sizeText } from '../../lib/size.ts';
import { useApp, useFormat, useWords } from '../../state/use-app.tsx';
import { Icon } from '../common/icon.tsx';
import { useCopy } from '../common/use-copy.ts';

/** The fields of a receipt that have a row of their own. A receipt may have more or fewer. */
const receiptSchema = z.object({
  model: z.object({ name: z.string(), digest: z.string().nullish() }).partial(),
  device: z.string().optional(),
  precision: z.string().optional(),
  parameters: z
    .object({
      seed: z.string(),
      width: z.number(),
      height: z.number(),
      max_side: z.number(),
      output_format: z.string(),
      true_cfg_scale: z.number(),
      negative_prompt: z.string().nullable(),
      num_inference_steps: z.number(),
      preset: z.string(),
    })
    .partial(),
  /** Receipts of earlier versions tell neither. */
  loras: z
    .array(
      z.object({ label: z.string(), file: z.string(), sha256: z.string(), scale: z.number(), merged: z.boolean() }),
    )
    .optional(),
  speed: z.object({ mode: z.string(), steps: z.number(), computed: z.number() }).optional(),
  /** Receipts of earlier versions do not tell the references. */
  images: z.array(z.object({ reference: z.object({ width: z.number(), height: z.number() }).optional() })).optional(),
});

const NO_RECEIPT: z.output<typeof receiptSchema> = { model: {}, parameters: {} };

/** What the panel shows of a digest; the copied receipt has all of it. */
const DIGEST_CHARACTERS = 12;

/** What was computed, by what, and how long it took. */
export function ReceiptPanel({ job }: { readonly job: Job }) {
  const { service, preferences } = useApp();
  const words = useWords();
  const format = useFormat();
  const copy = useCopy();
  const served = service.model.value;
  const language = preferences.language.value;
  const read = receiptSchema.safeParse(job.receipt);
  const {
    model,
    device,
    precision,
    parameters,
    images = [],
    loras = [],
    speed,
  } = read.success ? read.data : NO_RECEIPT;
  const preset = parameters.preset ?? formOfJob(job).preset;
  const offered = shownPresets(served).find(({ name }) => name === preset);
  const references = [
    ...new Set(images.flatMap(({ reference }) => (reference === undefined ? [] : sizeText(reference)))),
  ];
  const { encode_time, denoise_time, decode_time, queue_time, predict_time } = job.metrics;
  const seconds = (time: number | null): string | undefined =>
    time === null ? undefined : format.duration(time, true);
  const stages = [encode_time, denoise_time, decode_time].map(seconds);
  const { receipt: names } = words;
  const size =
    parameters.width === undefined || parameters.height === undefined
      ? undefined
      : `${parameters.width}×${parameters.height}`;
  const negative = parameters.negative_prompt?.trim();
  const rows: readonly (readonly [name: string, value: string | undefined])[] = [
    [names.model, model.name],
    [names.preset, preset === undefined ? undefined : presetWords(preset, offered, words, language).title],
    ...loras.map(
      ({ label, file, scale, merged, sha256 }) =>
        [
          names.loras,
          [
            `${loraTitle({ name: label }, served, language)} × ${format.number(scale, 2)}`,
            file,
            `sha256:${sha256.slice(0, DIGEST_CHARACTERS)}…`,
            ...(merged ? [names.merged] : []),
          ].join(' · '),
        ] as const,
    ),
    [names.seed, job.seed ?? undefined],
    [names.steps, numberText(parameters.num_inference_steps)],
    [names.speed, speed === undefined ? undefined : speedText(speed, words, format)],
    [names.cfg, numberText(parameters.true_cfg_scale)],
    [names.maxSide, numberText(parameters.max_side)],
    [names.negative, negative === '' ? undefined : negative],
    [names.size, size],
    [names.references, references.length === 0 ? undefined : references.join(' · ')],
    [names.format, parameters.output_format?.toUpperCase()],
    [names.device, device === undefined ? undefined : [device, precision].filter(Boolean).join(' · ')],
    [names.created, format.dateTime(new Date(job.created_at))],
    [names.waited, seconds(queue_time)],
    [names.took, seconds(predict_time)],
    [names.stages, stages.includes(undefined) ? undefined : stages.join(' · ')],
    [names.id, job.id],
  ];
  const text = JSON.stringify(job.receipt ?? job, null, 2);
  return (
    <details class="receipt">
      <summary>{job.receipt === null ? words.job.details : names.heading}</summary>
      {job.receipt !== null && <p class="quiet">{names.intro}</p>}
      <dl class="facts">
        {rows.map(([name, value]) =>
          value === undefined ? null : (
            <div key={`${name} ${value}`}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
      <button type="button" class="button small" onClick={() => void copy(text, names.copied)}>
        <Icon name="copy" size={16} />
        {names.copy}
      </button>
    </details>
  );
}

const numberText = (value: number | undefined): string | undefined => (value === undefined ? undefined : String(value));

function speedText(
  { mode, steps, computed }: { readonly mode: string; readonly steps: number; readonly computed: number },
  { settings, receipt }: Dictionary,
  format: Format,
): string {
  const name = settings.choices.speed.values[mode] ?? mode;
  return receipt.computed(name, format.number(computed), format.number(steps));
}
