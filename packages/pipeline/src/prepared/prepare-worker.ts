import { parentPort, workerData } from 'node:worker_threads';
import { AppError, toAppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type Preparation, precisionNamed } from '../engine/precision.ts';
import { openModelFolder } from '../hub/model-folder.ts';
import { heavySegments } from './heavy-segments.ts';
import { makeSegment } from './make-segment.ts';

/** A thread that makes the segments whose names it is sent, one after the other, and answers each with its name, or with an error. */

const dataSchema = z.object({
  dir: z.string(),
  folder: z.string(),
  precision: z.string(),
  table: z.record(z.string(), z.record(z.string(), z.number())),
});

const { dir, folder, precision, table } = dataSchema.parse(workerData);
const preparation = preparationOf(precision);
const segments = new Map(heavySegments(await openModelFolder(dir)).map((segment) => [segment.name, segment]));
const settingsOf = (layer: string) => ({ ...preparation.settings, ...table[layer] });

parentPort?.on('message', (name: unknown) => void answer(String(name)));
parentPort?.postMessage({ ready: true });

function preparationOf(name: string): Preparation {
  const { preparation: found } = precisionNamed(name);
  if (found === undefined) throw new AppError('internal', `The precision ${name} prepares nothing.`);
  return found;
}

async function answer(name: string): Promise<void> {
  try {
    const segment = segments.get(name);
    if (segment === undefined) throw new AppError('internal', `There is no segment ${name}.`);
    await makeSegment(segment, { folder, preparation, settingsOf });
    parentPort?.postMessage({ made: name });
  } catch (thrown) {
    const { code, message, hint } = toAppError(thrown);
    const system = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    parentPort?.postMessage({ failed: name, error: { code, message, hint, system } });
  }
}
