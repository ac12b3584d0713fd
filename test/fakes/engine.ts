/**
 * An engine without a model, for tests of what surrounds one. It speaks the engine's protocol (pass this file as
 * PipelineOptions.program) and does what the words of the prompt tell it, so that any API can drive it. Without a word it
 * answers at once, with `num_inference_steps` steps and pictures of one colour: seed and index decide it, not the prompt.
 *
 *   each:200ms       how long each denoising step takes (ms or s)
 *   steps:5          so many steps, whatever num_inference_steps says
 *   size:64x48       size of the result where width or height is not given; else 8x8
 *   shades           the result is of many colours
 *
 * One fault, when `at:N` steps are done (default 1; 0 is before the first):
 *
 *   crash:exit134    the process exits with that code, after last words on stderr
 *   crash:sigkill    the process dies of that signal
 *   garbage          it writes bytes that are no message
 *   hang             it says nothing any more and heeds no cancel
 *   deaf             it heeds no cancel either, but goes on telling that it is alive
 *   stay             it stays at this step until it is cancelled
 *   hold:MARK        it stays at this step until it is cancelled, or until the file MARK is there; then it goes on
 *   fail:CODE        the edit ends with that error code; one that is unknown counts as engine_failed
 *   flood            it writes 64 MB to stderr, then goes on
 *   once:MARK        only the first time that a prompt with this mark is seen, in whatever process
 *   times:3:MARK     only the first three times
 *
 * A MARK is the path of a file in which that is remembered; a relative one lies in FAKE_ENGINE_DIR, else in the
 * system's folder for temporary files. Loading has 4 steps and obeys the same words, taken from the name of the model
 * folder (`each:500ms+once:x+crash:exit1`; it need not exist) and from FAKE_ENGINE_LOAD.
 *
 * FAKE_ENGINE_FACTS names a file with presets, LoRAs and a card that its model has. It reads the files of LoRAs, if only for their
 * digests; of the steps of an edit it says that all were computed, or two of three (balanced), or half (fast).
 *
 * Its self-test passes, but drifts as long as the file that FAKE_ENGINE_DRIFT names is there.
 *
 * A cancel is obeyed at once, also within a step. Snapshots and previews come as they are asked for; an edit that resumes
 * a snapshot goes on from its step.
 */
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import { AppError, GUIDE_DEFAULTS, parseEditParameters, type Size, toAppError, withPreset } from '@qwen-edit/contract';
import { readFrames, writeFrame } from '../../packages/pipeline/src/process/framing.ts';
import {
  type EngineCommand,
  type EngineEvent,
  engineCommandSchema,
  PROTOCOL_FD,
  PROTOCOL_VERSION,
} from '../../packages/pipeline/src/process/protocol.ts';
import { driftMark, factsFile, loadScript } from './config.ts';
import { commitFault, type Victim } from './faults.ts';
import { describePicture, drawPicture, factsOf, receiptOf, settle, speedOf, useLoras } from './results.ts';
import { readScript } from './script.ts';

const ALIVE_EVERY_MS = 100;
const HOLD_POLL_MS = 20;
const LOAD_STEPS = 4;
const SIZE: Size = { width: 8, height: 8 };

const model = factsOf(factsFile);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const pipe = new Socket({ fd: PROTOCOL_FD });
const state = { received: 0, running: 0, canceledThrough: 0, snapshotThrough: 0, edits: 0, mute: false };
let work: Promise<void> = Promise.resolve();
let heard = (): void => undefined;

function send(event: EngineEvent, parts: readonly Uint8Array[] = []): void {
  if (!state.mute) writeFrame(pipe, event, parts);
}

/** Waits, if only for the messages that are there, and tells that we are alive. Throws `canceled` when one said so. */
async function pause(ms: number): Promise<void> {
  const end = performance.now() + ms;
  do {
    const rest = end - performance.now();
    await new Promise<void>((resolve) => {
      heard = resolve;
      if (rest <= 0) setImmediate(resolve);
      else setTimeout(resolve, Math.min(rest, ALIVE_EVERY_MS));
    });
    if (state.running <= state.canceledThrough) throw new AppError('canceled', 'The edit was cancelled.');
    if (rest > ALIVE_EVERY_MS) send({ type: 'alive' });
  } while (performance.now() < end);
}

const victim: Victim = {
  write: (bytes) => pipe.write(bytes),
  mute() {
    state.mute = true;
  },
  mumble() {
    setInterval(() => send({ type: 'alive' }), ALIVE_EVERY_MS);
  },
  stay: () => pause(Number.POSITIVE_INFINITY),
  async hold(file) {
    while (!existsSync(file)) await pause(HOLD_POLL_MS);
  },
};

async function load({ id, modelDir }: Extract<EngineCommand, { type: 'load' }>): Promise<void> {
  const start = performance.now();
  const script = readScript(`${basename(modelDir)} ${loadScript}`);
  for (let done = 0; ; done++) {
    send({ type: 'step', id, stage: 'load', step: done, total: LOAD_STEPS });
    await commitFault(script, done, victim);
    if (done === LOAD_STEPS) break;
    await pause(script.each);
  }
  send({ type: 'loaded', id, load_s: (performance.now() - start) / 1000, model });
}

async function selfTest({ id, dir }: Extract<EngineCommand, { type: 'self-test' }>): Promise<void> {
  const drifts = existsSync(driftMark);
  const reason =
    'On cpu in fp32 the transformer (noise_pred) comes to 40.0 dB of the golden edit, and 80 dB are needed.';
  const picture = {
    name: 'picture',
    what: 'the VAE decoder',
    decibels: drifts ? 40 : 200,
    cosine: 1,
    bound: 60,
    ok: !drifts,
  };
  const figures = dir === undefined ? [] : [picture];
  send({ type: 'self-tested', id, result: { figures, operators: [], seconds: 0, ...(drifts ? { reason } : {}) } });
}

async function edit(command: Extract<EngineCommand, { type: 'edit' }>, parts: readonly Uint8Array[]): Promise<void> {
  const { id, snapshotEvery, previewEvery } = command;
  const start = performance.now();
  const step = (stage: 'encode' | 'denoise' | 'decode', done: number, total: number): void =>
    send({ type: 'step', id, stage, step: done, total });
  const said = withPreset(parseEditParameters(command.parameters), model.presets);
  const script = readScript(said.prompt);
  const { width: w, height: h } = script.size ?? SIZE;
  const { width = w, height = h } = said;
  const total = script.steps ?? said.num_inference_steps ?? model.num_inference_steps;
  const snapshot = command.resume
    ? (JSON.parse(Buffer.from(parts[command.images]!).toString()) as Snapshot)
    : undefined;
  const seed = snapshot?.seed ?? settle(said, { width, height }).seed;
  const parameters = { ...settle(said, { width, height }), seed, num_inference_steps: total };

  const loras = useLoras(command.loras ?? []);
  step('encode', 0, 1);
  const images = await Promise.all(parts.slice(0, command.images).map(describePicture));
  step('encode', 1, 1);
  const encoded = performance.now();

  for (let done = snapshot?.step ?? 0; ; done++) {
    step('denoise', done, total);
    const due = (every: number | undefined): boolean => done > 0 && every !== undefined && done % every === 0;
    if (due(previewEvery)) {
      const facts = { step: done, total, ...SIZE, mediaType: 'image/webp' } as const;
      send({ type: 'preview', id, ...facts }, [await drawPicture(`${seed} ${done}`, SIZE, 'webp')]);
    }
    if (due(snapshotEvery) || (done > 0 && id <= state.snapshotThrough)) {
      state.snapshotThrough = 0;
      const kept: Snapshot = { step: done, seed };
      send({ type: 'snapshot', id, step: done, total }, [Buffer.from(JSON.stringify(kept))]);
    }
    await commitFault(script, done, victim);
    if (done >= total) break;
    await pause(script.each);
  }
  const denoised = performance.now();

  const count = said.num_images_per_prompt ?? GUIDE_DEFAULTS.num_images_per_prompt;
  const format = said.output_format ?? GUIDE_DEFAULTS.output_format;
  step('decode', 0, count);
  const outputs: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    outputs.push(await drawPicture(`${seed} ${i}`, { width, height }, format, script.shaded));
    step('decode', outputs.length, count);
  }
  state.edits++;
  const end = performance.now();
  const result = {
    outputs: outputs.map(() => ({ width, height, format })),
    seed,
    timings: {
      encode_s: (encoded - start) / 1000,
      denoise_s: (denoised - encoded) / 1000,
      decode_s: (end - denoised) / 1000,
      total_s: (end - start) / 1000,
    },
    receipt: receiptOf(parameters, images, loras, speedOf(said.speed, total)),
    warnings: [],
  };
  send({ type: 'result', id, result }, outputs);
}

interface Snapshot {
  readonly step: number;
  readonly seed: string;
}

function queue(id: number, task: () => Promise<void>): void {
  state.received = id;
  work = work.then(async () => {
    state.running = id;
    try {
      await task();
    } catch (thrown) {
      const { code, message, hint } = toAppError(thrown);
      send({ type: 'error', id, code, message, hint });
    }
  });
}

function obey(command: EngineCommand, parts: readonly Uint8Array[]): void {
  switch (command.type) {
    case 'load':
      queue(command.id, () => load(command));
      break;
    case 'self-test':
      queue(command.id, () => selfTest(command));
      break;
    case 'edit':
      queue(command.id, () => edit(command, parts));
      break;
    case 'cancel':
      state.canceledThrough = state.received;
      heard();
      break;
    case 'snapshot':
      state.snapshotThrough = state.received;
      break;
    case 'stats': {
      const { pid } = process;
      const rss = process.memoryUsage.rss();
      const stats = { pid, uptime_s: process.uptime(), edits: state.edits, rss, peak_rss: rss };
      send({ type: 'stats', id: command.id, stats });
      break;
    }
    case 'shutdown':
      process.exit(0);
  }
}

readFrames(pipe, {
  onFrame: ({ header, parts }) => obey(engineCommandSchema.parse(header), parts),
  onGarbage: () => process.exit(2),
});
for (const end of ['error', 'close', 'end'] as const) pipe.on(end, () => process.exit(0));
send({ type: 'hello', version: PROTOCOL_VERSION });
