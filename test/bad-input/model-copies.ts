import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Checkpoint, checkpointDir } from '../parity/goldens.ts';

export interface SafetensorsEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
export type SafetensorsHeader = Record<string, SafetensorsEntry>;
export type Json = Record<string, unknown>;

/** An empty folder that is removed when the running test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** A copy of a checkpoint that a test may damage. `name` is the name of its folder, which lies in `parent`. */
export async function copyOf(checkpoint: Checkpoint, name = 'model', parent?: string): Promise<string> {
  const dir = join(parent ?? (await temporaryFolder()), name);
  await cp(checkpointDir(checkpoint), dir, { recursive: true });
  return dir;
}

/** Changes a JSON file; an absent one counts as {}. */
export async function changeJson(dir: string, file: string, change: (json: Json) => void): Promise<void> {
  const json = JSON.parse(await readFile(join(dir, file), 'utf8').catch(() => '{}')) as Json;
  change(json);
  await writeFile(join(dir, file), JSON.stringify(json));
}

/** Rewrites a safetensors file with `change` applied to header and data. The length in front fits the header, unless `claimedHeaderBytes` replaces it. */
export async function changeSafetensors(
  path: string,
  change: (header: SafetensorsHeader, data: Buffer) => Buffer | undefined,
  claimedHeaderBytes?: bigint,
): Promise<void> {
  const file = await readFile(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, start).toString('utf8')) as SafetensorsHeader;
  const data = change(header, file.subarray(start)) ?? file.subarray(start);
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimedHeaderBytes ?? BigInt(json.length));
  await writeFile(path, Buffer.concat([prefix, json, data]));
}

/** The tensors of a header, in the order in which they lie in the file. */
export function tensorsOf(header: SafetensorsHeader): [string, SafetensorsEntry][] {
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .sort((a, b) => a[1].data_offsets[0] - b[1].data_offsets[0]);
}
