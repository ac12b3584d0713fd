import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { AppError, toAppError } from '@qwen-edit/contract';
import { type RunResult, runEdit } from '../edit.ts';
import type { EncodingCache } from '../encodings/encoding-cache.ts';
import type { LoadedModel } from '../engine/model.ts';
import { loadPreparedModel } from '../load-prepared-model.ts';
import { modelFacts } from '../model-facts.ts';
import { examineDevice } from '../self-test/examine-device.ts';
import type { Preview } from '../types.ts';
import { openEncodings } from './encodings.ts';
import type { Frame } from './framing.ts';
import { readFrames, writeFrame } from './framing.ts';
import {
  type EngineCommand,
  type EngineEvent,
  engineCommandSchema,
  PROTOCOL_FD,
  PROTOCOL_VERSION,
} from './protocol.ts';

/**
 * The program of the engine process. It runs the networks, which block its thread, and reads its parent's messages between
 * two segments. It ends when the parent ends. The parent decides about signals, so that Ctrl-C in a terminal is handled once.
 */
const ALIVE_EVERY_MS = 1000;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

const pipe = new Socket({ fd: PROTOCOL_FD });
const send = (event: EngineEvent, parts: readonly Uint8Array[] = []): void => writeFrame(pipe, event, parts);

/**
 * Ids of loads and edits grow. A cancel, or a request for a snapshot, is meant for all work that was received before it, even
 * if that has not begun: both may arrive in one chunk.
 */
const state = {
  received: 0,
  running: 0,
  canceledThrough: 0,
  snapshotThrough: 0,
  edits: 0,
  lastAlive: performance.now(),
};
let model: LoadedModel | undefined;
let modelDir: string | undefined;
let encodings: EncodingCache | undefined;
let work: Promise<void> = Promise.resolve();

/** Reads waiting messages. Throws AppError `canceled` if one of them asked for that. */
async function pause(): Promise<void> {
  const now = performance.now();
  if (now - state.lastAlive > ALIVE_EVERY_MS) {
    state.lastAlive = now;
    send({ type: 'alive' });
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (state.running <= state.canceledThrough) throw new AppError('canceled', 'The edit was cancelled.');
}

async function load(command: Extract<EngineCommand, { type: 'load' }>): Promise<void> {
  const start = performance.now();
  const { id, device, kernels, precision, threads, memoryBytes, deviceMemoryBytes, weightCacheDir, loras } = command;
  model = await loadPreparedModel(command.modelDir, {
    device,
    kernels,
    precision,
    threads,
    memoryBytes,
    deviceMemoryBytes,
    weightCacheDir,
    loras,
    pause,
    onStep: (step, total) => send({ type: 'step', id, stage: 'load', step, total }),
    onPreparing: (what) => send({ type: 'preparing', id, ...what }),
    onPrepared: (step, total) => send({ type: 'step', id, stage: 'load', step, total }),
  });
  modelDir = command.modelDir;
  encodings = command.encodingCache && openEncodings(command.encodingCache, sendTrouble);
  send({ type: 'loaded', id, load_s: (performance.now() - start) / 1000, model: modelFacts(model) });
}

async function selfTest({
  id,
  type: _type,
  ...examination
}: Extract<EngineCommand, { type: 'self-test' }>): Promise<void> {
  const start = performance.now();
  const { device, kernels, precision } = examination;
  // Two of a small model would be no harm, but its loading is most of what a self-test costs.
  const loaded = (dir: string): LoadedModel | undefined => {
    const fits = model?.device.key === device && model.device.kernels === kernels && model.precision.name === precision;
    return fits && modelDir === dir ? model : undefined;
  };
  const onTesting = (what: string, done: number, total: number): void =>
    send({ type: 'testing', id, what, done, total });
  const { figures, operators, reason } = await examineDevice(examination, { loaded, pause, onTesting });
  const seconds = (performance.now() - start) / 1000;
  send({ type: 'self-tested', id, result: { figures: [...figures], operators: [...operators], reason, seconds } });
}

async function edit(command: Extract<EngineCommand, { type: 'edit' }>, parts: readonly Uint8Array[]): Promise<void> {
  const { id, snapshotEvery, previewEvery, cacheScope: scope } = command;
  if (model === undefined) throw new AppError('engine_protocol', 'An edit was asked for before a model was loaded.');
  const resume = command.resume ? parts[command.images] : undefined;
  const { parameters, loras } = command;
  const request = { images: parts.slice(0, command.images), parameters, loras };
  const { latents, outputs, ...rest } = await runEdit(model, request, {
    onStep: (event) => send({ type: 'step', id, ...event }),
    afterStep(step, snapshot) {
      const wanted = id <= state.snapshotThrough;
      if (!wanted && (snapshotEvery === undefined || step % snapshotEvery !== 0)) return;
      if (wanted) state.snapshotThrough = 0;
      const { bytes, ...where } = snapshot();
      send({ type: 'snapshot', id, ...where }, [bytes]);
    },
    ...(previewEvery === undefined ? {} : { previewEvery, onPreview: (preview) => sendPreview(id, preview) }),
    ...(resume === undefined ? {} : { resume }),
    ...(encodings === undefined || scope === undefined ? {} : { encodings: { cache: encodings, scope } }),
    returnLatents: command.returnLatents,
  });
  state.edits++;
  sendResult(id, outputs, rest, latents);
}

function sendTrouble({ code, message, hint }: AppError): void {
  send({ type: 'trouble', code, message, hint });
}

function sendPreview(id: number, { bytes, ...facts }: Preview): void {
  send({ type: 'preview', id, ...facts }, [bytes]);
}

function sendResult(
  id: number,
  outputs: RunResult['outputs'],
  rest: Omit<RunResult, 'outputs' | 'latents'>,
  latents: RunResult['latents'],
): void {
  const result = {
    ...rest,
    receipt: {
      ...rest.receipt,
      images: [...rest.receipt.images],
      loras: [...rest.receipt.loras],
      unchanged: [...rest.receipt.unchanged],
    },
    warnings: [...rest.warnings],
    outputs: outputs.map(({ bytes: _bytes, ...facts }) => facts),
    ...(latents === undefined ? {} : { latentsShape: [...latents.shape] }),
  };
  const bytes =
    latents === undefined
      ? []
      : [new Uint8Array(latents.data.buffer, latents.data.byteOffset, latents.data.byteLength)];
  send({ type: 'result', id, result }, [...outputs.map((output) => output.bytes), ...bytes]);
}

/** Loads and edits run one after the other; each ends with its answer or with `error`. */
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

function sendStats(id: number): void {
  const memory = process.memoryUsage.rss();
  const stats = {
    pid: process.pid,
    uptime_s: process.uptime(),
    edits: state.edits,
    rss: memory,
    peak_rss: process.resourceUsage().maxRSS * 1024,
  };
  send({ type: 'stats', id, stats });
}

function onFrame(frame: Frame): void {
  const parsed = engineCommandSchema.safeParse(frame.header);
  if (parsed.success) handleCommand(parsed.data, frame.parts);
  else exit(2);
}

function handleCommand(command: EngineCommand, parts: readonly Uint8Array[]): void {
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
      break;
    case 'snapshot':
      state.snapshotThrough = state.received;
      break;
    case 'stats':
      sendStats(command.id);
      break;
    case 'shutdown':
      end();
  }
}

/** Ends this process when nobody needs its exit code. Node's own way to the end can hang for ever: nodejs/node#54918. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Ends it with an exit code, for a parent that lives and sees to the end of an engine whose pipe is closed. */
function exit(code: number): void {
  process.exit(code);
}

readFrames(pipe, { onFrame, onGarbage: () => exit(2) });
for (const gone of ['error', 'close', 'end'] as const) pipe.on(gone, end);
// On every way to an end but a signal, so that the parent learns of it although this process may hang afterwards.
process.on('exit', () => closeSync(PROTOCOL_FD));
send({ type: 'hello', version: PROTOCOL_VERSION });
