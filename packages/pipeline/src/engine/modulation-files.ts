import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';

/** The modulations of a schedule as rows of numbers: one that all steps share, then one for each step. */
export interface ModulationRows {
  readonly shared: Float32Array;
  readonly steps: readonly Float32Array[];
}

/** The same in a file, of which a row is in memory only while its step runs. */
export interface ModulationFile {
  readonly shared: Float32Array;
  step(index: number): Promise<Float32Array>;
}

const manifestSchema = z.object({
  shared: z.int().min(0),
  steps: z.int().min(1),
  width: z.int().min(1),
  sha256: z.string(),
});

/** Some 8 schedules of 40 steps of the real model. */
const MOST_BYTES = 4e9;
const FLOAT_BYTES = 4;

/** The name of a schedule's files: what its modulations depend on beside the weights. `branches`: what LoRAs add to these. */
export function scheduleName(timesteps: readonly number[], branches = ''): string {
  const said = JSON.stringify(timesteps) + branches;
  return createHash('sha256').update(said).digest('hex').slice(0, 32);
}

/** The modulations of a schedule if they are there and whole; undefined otherwise. Never rejects. */
export async function openModulations(folder: string, name: string): Promise<ModulationFile | undefined> {
  try {
    const path = join(folder, `${name}.f32`);
    const { shared, steps, width, sha256 } = manifestSchema.parse(
      JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')),
    );
    const bytes = FLOAT_BYTES * (shared + steps * width);
    if ((await stat(path)).size !== bytes || (await digestOf(path)) !== sha256) return undefined;
    // What was used last is removed last.
    await utimes(path, new Date(), new Date()).catch(() => undefined);
    return {
      shared: await readFloats(path, 0, shared),
      step: (index) => readFloats(path, FLOAT_BYTES * (shared + index * width), width),
    };
  } catch {
    return undefined;
  }
}

/** Writes the modulations of a schedule, and removes older ones above the limit. Rejects with what the file system says. */
export async function writeModulations(folder: string, name: string, { shared, steps }: ModulationRows): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.f32`);
  const unfinished = `${path}.${randomUUID()}.tmp`;
  const hash = createHash('sha256');
  try {
    const file = await open(unfinished, 'w');
    try {
      for (const values of [shared, ...steps]) {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        await file.writeFile(bytes);
        hash.update(bytes);
      }
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    const manifest = {
      shared: shared.length,
      steps: steps.length,
      width: steps[0]?.length ?? 0,
      sha256: hash.digest('hex'),
    };
    await writeFile(`${unfinished}.json`, JSON.stringify(manifest));
    await rename(`${unfinished}.json`, join(folder, `${name}.json`));
  } finally {
    await rm(unfinished, { force: true });
    await rm(`${unfinished}.json`, { force: true });
  }
  await removeOldest(folder, `${name}.f32`);
}

async function removeOldest(folder: string, newest: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.f32') && name !== newest);
  const files = await Promise.all(
    names.map(async (name) => ({ name, facts: await stat(join(folder, name)).catch(() => undefined) })),
  );
  let bytes = (await stat(join(folder, newest))).size;
  for (const { name, facts } of files.toSorted((a, b) => (b.facts?.mtimeMs ?? 0) - (a.facts?.mtimeMs ?? 0))) {
    bytes += facts?.size ?? 0;
    if (bytes <= MOST_BYTES) continue;
    await rm(join(folder, name), { force: true });
    await rm(join(folder, name.replace(/\.f32$/, '.json')), { force: true });
  }
}

async function readFloats(path: string, offset: number, count: number): Promise<Float32Array> {
  const values = new Float32Array(count);
  const bytes = new Uint8Array(values.buffer);
  const file = await open(path, 'r');
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
      if (bytesRead === 0) throw new AppError('engine_failed', `${path} was cut off while it was read.`);
      done += bytesRead;
    }
  } finally {
    await file.close();
  }
  return values;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 2 ** 20 })) hash.update(chunk);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
