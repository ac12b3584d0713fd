import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface WeightFile {
  readonly path: string;
  readonly bytes: number;
}

/** The weight files of a model folder, the largest first; none where there is no folder. Links are followed. */
export async function weightsOf(dir: string | undefined): Promise<readonly WeightFile[]> {
  if (dir === undefined) return [];
  const folders = ['transformer', 'text_encoder', 'vae'].map((name) => join(dir, name));
  const files = await Promise.all(folders.map(filesOf));
  return files.flat().sort((a, b) => b.bytes - a.bytes);
}

async function filesOf(folder: string): Promise<WeightFile[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  const found = await Promise.all(
    names.map(async (name): Promise<WeightFile | undefined> => {
      const path = join(folder, name);
      const facts = await stat(path).catch(() => undefined);
      return facts?.isFile() === true ? { path, bytes: facts.size } : undefined;
    }),
  );
  return found.filter((file) => file !== undefined);
}
