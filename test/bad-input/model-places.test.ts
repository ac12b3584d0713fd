import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPipeline } from '../../packages/pipeline/src/index.ts';
import { checkpointDir, inputBytes, sha256 } from '../parity/goldens.ts';
import { changeJson, copyOf, temporaryFolder } from './model-copies.ts';

/** The picture that the checkpoint in `modelDir` makes, with the warnings and the name of the model. */
async function editWith(modelDir: string) {
  const pipeline = await createPipeline({ modelDir, threads: 1 });
  try {
    const parameters = { prompt: 'x', num_inference_steps: 2, width: 64, height: 64 };
    const { outputs, warnings, receipt } = await pipeline.edit({ images: [inputBytes('sq_72x72')], parameters });
    return { sha256: sha256(outputs[0]!.bytes), warnings, model: receipt.model };
  } finally {
    await pipeline.close();
  }
}

/** The demo checkpoint, in which graphs point at weights of every component, with smaller references. */
async function smallCopy(name = 'model', parent?: string): Promise<string> {
  const dir = await copyOf('demo', name, parent);
  await changeJson(dir, 'edit_config.json', (json) => {
    json.vae_image_size = 4096;
    json.condition_image_size = 4096;
  });
  return dir;
}

/** Lays a checkpoint out as Hugging Face's cache does: snapshots/REVISION/… are links into blobs/HASH. */
async function asCache(model: string): Promise<string> {
  const cache = join(await temporaryFolder(), 'models--Qwen--Tiny');
  const snapshot = join(cache, 'snapshots', '0123abcd');
  await mkdir(join(cache, 'blobs'), { recursive: true });
  const files = await readdir(model, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    const blob = join(
      cache,
      'blobs',
      createHash('sha256')
        .update(path)
        .update(await readFile(path))
        .digest('hex'),
    );
    const link = join(snapshot, relative(model, path));
    await mkdir(dirname(link), { recursive: true });
    await rename(path, blob);
    await symlink(relative(dirname(link), blob), link);
  }
  return snapshot;
}

describe('the same checkpoint makes the same picture wherever it lies', () => {
  let wanted: Awaited<ReturnType<typeof editWith>>;
  beforeAll(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
    wanted = await editWith(await smallCopy('model', parent));
    await rm(parent, { recursive: true });
  });

  it("in Hugging Face's cache, where every file is a link into another folder", async () => {
    const snapshot = await asCache(await smallCopy());
    const { model, ...picture } = await editWith(snapshot);
    expect(picture).toEqual({ sha256: wanted.sha256, warnings: [] });
    expect(model).toEqual({ ...wanted.model, name: 'Tiny' });
  });

  it('behind a link to its folder', async () => {
    const link = join(await temporaryFolder(), 'link');
    await symlink(await smallCopy(), link, 'junction');
    expect(await editWith(link)).toEqual(wanted);
  });

  it('with components linked from places that share no folder', async () => {
    const dir = await smallCopy();
    const elsewhere = join(await temporaryFolder(), 'vae');
    await rename(join(dir, 'vae'), elsewhere);
    await symlink(elsewhere, join(dir, 'vae'), 'junction');
    await rename(join(dir, 'transformer'), join(dir, 'unused'));
    await symlink(join(checkpointDir('demo'), 'transformer'), join(dir, 'transformer'), 'junction');
    expect(await editWith(dir)).toEqual(wanted);
  });

  it.each(['with spaces and (brackets)', '模型 é ü 🙂', "quote's & %41 #1;=,"])(
    'in a folder called %s',
    async (name) => {
      const { model, ...picture } = await editWith(await smallCopy(name));
      expect(picture).toEqual({ sha256: wanted.sha256, warnings: [] });
      expect(model).toEqual({ ...wanted.model, name });
    },
  );

  it('named from the current folder', async () => {
    expect((await editWith(relative(process.cwd(), await smallCopy()))).sha256).toBe(wanted.sha256);
  });
});

it('an unknown key in edit_config.json is a warning in the result', async () => {
  const dir = await copyOf('tiny-c');
  await changeJson(dir, 'edit_config.json', (json) => {
    json.temperature = 0.7;
  });
  expect((await editWith(dir)).warnings).toEqual([
    'edit_config.json: temperature is not a key that is known, it has no effect.',
  ]);
});
