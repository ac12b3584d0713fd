import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { runEdit } from '../src/edit.ts';
import { loadPreparedModel } from '../src/load-prepared-model.ts';
import { modelFacts } from '../src/model-facts.ts';
import { availableMemory } from '../src/plan/available-memory.ts';
import { computeForm } from '../src/plan/compute-form.ts';
import { planMemory } from '../src/plan/memory.ts';
import { modelWeights } from '../src/plan/network-weights.ts';
import { plannedEdit } from '../src/plan/planned-edit.ts';

import { memoryUse } from './memory.ts';

/**
 * measure-memory.ts DIR [--precision fp32] [--side 512] [--steps 2] [--memory BYTES] [--edits 1] [--threads 2] [--cache DIR] [--json]
 * Makes edits with the model folder DIR in this process, and says for each stage what the plan predicts and what was measured: the peak of
 * resident memory, pages of mapped files counted. Linux only: it resets the peak between stages by /proc/self/clear_refs.
 */
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    precision: { type: 'string', default: 'fp32' },
    side: { type: 'string', default: '512' },
    steps: { type: 'string', default: '2' },
    memory: { type: 'string' },
    edits: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    cache: { type: 'string', default: join(tmpdir(), 'qwen-edit-measure-memory') },
    json: { type: 'boolean', default: false },
  },
});
const [dir = ''] = positionals;
const side = Number(flags.side);
const memoryBytes = flags.memory === undefined ? (await availableMemory()).totalBytes : Number(flags.memory);

interface Measured {
  readonly peak: number;
  /** The most that was seen between two segments, of the process's own and of mapped files. */
  readonly anonymous: number;
  readonly file: number;
}
const measured = new Map<string, Measured>();
let seen = { anonymous: 0, file: 0 };
async function look(): Promise<void> {
  const { anonymous = 0, file = 0 } = memoryUse();
  seen = { anonymous: Math.max(seen.anonymous, anonymous), file: Math.max(seen.file, file) };
}
/** Notes the peak since the last mark as that of a stage, and begins anew. */
function mark(stage: string): void {
  void look();
  const { peak } = memoryUse();
  const before = measured.get(stage);
  if (before === undefined || before.peak < peak) measured.set(stage, { peak, ...seen });
  seen = { anonymous: 0, file: 0 };
  writeFileSync('/proc/self/clear_refs', '5');
}

const loaded = await loadPreparedModel(dir, {
  precision: flags.precision,
  threads: Number(flags.threads),
  memoryBytes,
  weightCacheDir: flags.cache,
  pause: look,
});
mark('load');
const parameters = {
  prompt: 'make it black and white, with the colours of an old photograph',
  negative_prompt: ' ',
  true_cfg_scale: 4,
  num_inference_steps: Number(flags.steps),
  width: side,
  height: side,
  reference_size: 'output',
} as const;
const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + Math.floor(i / (3 * side)) * 3) % 256);
const image = await sharp(data, { raw: { width: side, height: side, channels: 3 } })
  .png()
  .toBuffer();
for (let i = 0; i < Number(flags.edits); i++) {
  // Endings of stages, in the order in which an edit has them.
  const ends = ['encode_text', 'encode_pictures', 'denoise', 'decode'];
  const model = {
    ...loaded,
    transformer: {
      ...loaded.transformer,
      async modulate(timesteps: Float32Array) {
        const modulations = await loaded.transformer.modulate(timesteps);
        mark('modulate');
        return modulations;
      },
    },
    async endStage() {
      mark(ends.shift() ?? 'after');
      await loaded.endStage();
    },
  };
  await runEdit(model, { images: [image], parameters }).catch((thrown: unknown) => console.error(String(thrown)));
}

const { shape, ...rules } = modelFacts(loaded);
const edit = plannedEdit(rules, [{ width: side, height: side }], {
  ...parameters,
  promptBytes: parameters.prompt.length,
  negativeBytes: 1,
});
const plan = planMemory(shape!, edit, { device: 'cpu', precision: loaded.precision.name, memoryBytes });
// The first edit opens the transformer when it denoises.
const later = new Set(['denoise', 'decode']);
const unopened = flags.edits === '1' ? transformerBytes() : 0;
const stages = plan.stages.map((stage) => ({
  ...stage,
  predicted: stage.total_bytes - (later.has(stage.stage) || stage.held_bytes === 0 ? 0 : unopened),
  measured: measured.get(stage.stage) ?? { peak: 0, anonymous: 0, file: 0 },
}));

/** What of the transformer stays between edits. */
function transformerBytes(): number {
  const { segments } = modelWeights(shape!, computeForm(loaded.precision.name, loaded.device)).transformer;
  const { held, stays } = plan.residency.transformer;
  return stays ? segments.slice(0, held).reduce((sum, bytes) => sum + bytes, 0) : 0;
}
if (flags.json) console.log(JSON.stringify({ stages, verdict: plan.verdict, residency: plan.residency }));
else {
  const mb = (bytes: number): string => `${Math.round(bytes / 1e6)}`.padStart(8);
  const { vision, language, transformer } = plan.residency;
  const held = [vision, language, transformer].map(
    ({ segments, held: open, stays }) => `${open}/${segments}${stays ? '' : ' in its stage'}`,
  );
  console.log(
    `${flags.precision}, ${side} x ${side}, ${Math.round(memoryBytes / 1e6)} MB: ${plan.verdict}; vision, language, transformer held: ${held.join(', ')}`,
  );
  console.log('stage            held  segment     kept computing predicted measured ratio anonymous   files');
  for (const { measured: found, ...s } of stages)
    console.log(
      `${s.stage.padEnd(16)}${[s.held_bytes, s.segment_bytes, s.resident_bytes, s.activations_bytes, s.predicted, found.peak].map(mb).join('')}  ${(s.predicted / found.peak).toFixed(2)}${mb(found.anonymous)}${mb(found.file)}`,
    );
}
