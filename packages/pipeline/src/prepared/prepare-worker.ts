import { parentPort, workerData } from 'node:worker_threads';
import { AppError, toAppError } from '@qwen-edit/contract';
import { errorCode } from '@qwen-edit/files';
import { z } from 'zod';
import { type Preparation, precisionNamed } from '../engine/precision.ts';
import { openModelFolder } from '../hub/model-folder.ts';
import { type HeavySegment, heavySegments } from './heavy-segments.ts';
import { layerTableSchema, settingsOf, storedSettings } from './layer-settings.ts';
import { makeSegment } from './make-segment.ts';
import { mergedModel } from './merged-model.ts';

/** A thread that makes the segments whose names it is sent, one after the other, and answers each with its name, or with an error. */

const dataSchema = z.object({
  ...{ dir: z.string(), folder: z.string(), precision: z.string(), processor: z.string() },
  table: layerTableSchema,
  loras: z.array(z.object({ label: z.string(), path: z.string(), scale: z.number() })),
});
const { dir, folder, precision, processor, table, loras } = dataSchema.parse(workerData);

/** Opened with the first name, so that what is wrong with it is told like anything else. */
let opened: Promise<ReadonlyMap<string, HeavySegment>> | undefined;

async function openSegments(): Promise<ReadonlyMap<string, HeavySegment>> {
  const model = await mergedModel(await openModelFolder(dir), loras);
  return new Map(heavySegments(model).map((segment) => [segment.name, segment]));
}

function preparationOf(name: string): Preparation {
  const { preparation } = precisionNamed(name);
  if (preparation === undefined) throw new AppError('internal', `The precision ${name} prepares nothing.`);
  return preparation;
}

async function answer(name: string): Promise<void> {
  try {
    opened ??= openSegments();
    const segment = (await opened).get(name);
    if (segment === undefined) throw new AppError('internal', `There is no segment ${name}.`);
    const preparation = preparationOf(precision);
    await makeSegment(segment, {
      folder,
      preparation,
      processor,
      settingsOf: (layer) => storedSettings(preparation, settingsOf(preparation, table, layer)),
    });
    parentPort?.postMessage({ made: name });
  } catch (thrown) {
    const { code, message, hint } = toAppError(thrown);
    parentPort?.postMessage({ failed: name, error: { code, message, hint, system: errorCode(thrown) } });
  }
}

parentPort?.on('message', (name: unknown) => void answer(String(name)));
parentPort?.postMessage({ ready: true });
