import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { demoModelDir } from '@qwen-edit/demo-model';

/** What a model consists of, of all that lies in the demo model's folder. */
const PARTS =
  /^(model_index|edit_config|model_card)\.json$|^(processor|scheduler|text_encoder|tokenizer|transformer|vae)\//;

/** The demo model as a hub would have it: its files by their paths. */
export async function demoModelFiles(): Promise<Record<string, Uint8Array>> {
  const names = (await readdir(demoModelDir, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
  const files = names.filter((name) => PARTS.test(name) && /\.\w+$/.test(name));
  return Object.fromEntries(
    await Promise.all(files.map(async (name) => [name, await readFile(join(demoModelDir, name))])),
  );
}
