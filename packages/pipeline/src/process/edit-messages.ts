import { AppError } from '@qwen-edit/contract';
import { checkRequest } from '../check-request.ts';
import type { EditHooks, EditRequest, EditResult, LoraFile } from '../types.ts';
import type { EngineEventListener, EngineProcess, UnnumberedCommand } from './engine-process.ts';

/** The command that asks for an edit with these LoRAs. Throws what `checkRequest` throws, so that a wrong request never reaches the engine. */
export function editCommandOf(request: EditRequest, loras: readonly LoraFile[], hooks: EditHooks): UnnumberedCommand {
  const { snapshotEvery } = hooks;
  const previewEvery = hooks.onPreview === undefined ? undefined : hooks.previewEvery;
  for (const [name, every] of Object.entries({ snapshotEvery, previewEvery: hooks.previewEvery })) {
    if (every !== undefined && !(Number.isInteger(every) && every >= 1))
      throw new AppError('invalid_parameter', `${name} must be a whole number of at least 1, not ${every}.`);
  }
  const { cacheScope } = request;
  if (cacheScope !== undefined && (typeof cacheScope !== 'string' || cacheScope === ''))
    throw new AppError('invalid_parameter', 'cacheScope must be a text that is not empty.');
  return {
    type: 'edit',
    parameters: checkRequest(request),
    images: request.images.length,
    resume: hooks.resume !== undefined,
    ...(snapshotEvery === undefined ? {} : { snapshotEvery }),
    ...(previewEvery === undefined ? {} : { previewEvery }),
    returnLatents: hooks.returnLatents === true,
    loras: [...loras],
    ...(cacheScope === undefined ? {} : { cacheScope }),
  };
}

/** The binary parts of that command: the pictures, then the snapshot to continue from. */
export function partsOf(request: EditRequest, hooks: EditHooks): Uint8Array[] {
  return hooks.resume === undefined ? [...request.images] : [...request.images, hooks.resume.bytes];
}

/** Hands the events of an edit to its hooks. An event without its binary part ends the engine. */
export function listenerOf(hooks: EditHooks, engine: EngineProcess): EngineEventListener {
  return (event, [bytes]) => {
    switch (event.type) {
      case 'step':
        hooks.onStep?.({
          ...{ stage: event.stage, step: event.step, total: event.total },
          ...(event.foreseen === undefined ? {} : { foreseen: event.foreseen }),
        });
        break;
      case 'snapshot':
        if (bytes === undefined) endBrokenEngine(engine);
        hooks.onSnapshot?.({ step: event.step, total: event.total, bytes });
        break;
      case 'preview': {
        const { type: _type, id: _id, ...facts } = event;
        if (bytes === undefined) endBrokenEngine(engine);
        hooks.onPreview?.({ ...facts, bytes });
      }
    }
  };
}

/** The result that an event carries; undefined if it carries none, or one without its pictures. */
export function resultOf(
  event: Awaited<ReturnType<EngineProcess['ask']>>['event'],
  parts: readonly Uint8Array[],
  load_s: number,
): EditResult | undefined {
  if (event.type !== 'result' || parts.length < event.result.outputs.length) return undefined;
  const { latentsShape, outputs, ...rest } = event.result;
  const raw = parts[outputs.length];
  return {
    ...rest,
    outputs: outputs.map((facts, i) => ({ ...facts, bytes: parts[i]! })),
    timings: { load_s, ...rest.timings },
    ...(latentsShape !== undefined && raw !== undefined
      ? { latents: { data: new Float32Array(raw.slice().buffer), shape: latentsShape } }
      : {}),
  };
}

/** Ends an engine whose answer does not fit the question: it is broken. */
export function endBrokenEngine(engine: EngineProcess): never {
  const error = new AppError('engine_protocol', 'The engine answered something else than what was asked.');
  engine.kill(error);
  throw error;
}
