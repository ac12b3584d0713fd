import { copyFile, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelFacts } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';

/** A model folder with LoRAs, and what an engine that has loaded it tells of it. */
export interface OfferingModel {
  /** Settings of a service that serves it by the fake engine. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

const both = (en: string, zh: string) => ({ en, zh });

export const SEPIA = { name: 'sepia', title: both('Old photo', '老照片') } as const;
export const PENCIL = { name: 'pencil', title: both('Pencil', '铅笔画') } as const;
/** The file of both LoRAs. */
export const WEIGHTS: string = join(demoModelDir, 'loras/pencil.safetensors');
/** Without its file. */
const LOST = { name: 'lost', title: both('Lost', '丢失的') } as const;
export const GONE = 'The file of the LoRA lost is not there.';

export const FACTS = {
  num_inference_steps: 40,
  true_cfg_scale: 4,
  presets: [
    {
      name: 'lightning-4',
      num_inference_steps: 4,
      true_cfg_scale: 1,
      lora: [{ name: PENCIL.name, scale: 0.5 }],
    },
    { name: 'lightning-8', num_inference_steps: 8, lora: [{ name: LOST.name, scale: 1 }] },
  ],
  loras: [{ ...SEPIA, description: both('Brown and faded.', '泛黄褪色的效果。') }, PENCIL, LOST],
  card: {
    name: 'fake-model',
    demo: true,
    edits: [
      {
        ...{ kind: 'grayscale', pictures: 1, title: both('Black and white', '黑白') },
        prompts: { en: ['make it black and white'], zh: ['变成黑白照片'] },
      },
      {
        ...{ kind: 'old', pictures: 1, title: both('Old photo', '老照片'), lora: SEPIA.name },
        prompts: { en: ['make it look like an old photo', 'make it brown'], zh: ['做旧成老照片', '变成棕色'] },
      },
    ],
  },
} satisfies Partial<ModelFacts>;

/** Makes the folder: the demo model with other offers. Of its LoRAs two are the demo model's, under names of their own. */
export async function offeringModel(): Promise<OfferingModel> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'qwen-edit-offers-')));
  const model = join(folder, 'model');
  const facts = join(folder, 'facts.json');
  await mkdir(join(model, 'loras'), { recursive: true });
  const own = FACTS.loras.map(({ name, ...words }) => [name, { path: `loras/${name}.safetensors`, ...words }]);
  for (const { name } of [SEPIA, PENCIL]) await copyFile(WEIGHTS, join(model, `loras/${name}.safetensors`));
  for (const part of await readdir(demoModelDir)) {
    if (part !== 'edit_config.json' && part !== 'loras') await symlink(join(demoModelDir, part), join(model, part));
  }
  // What is known before an engine has loaded it.
  const { num_inference_steps, true_cfg_scale, presets } = FACTS;
  const config = { num_inference_steps, true_cfg_scale, presets, loras: Object.fromEntries(own) };
  await writeFile(join(model, 'edit_config.json'), JSON.stringify(config));
  await writeFile(facts, JSON.stringify(FACTS));
  return {
    env: { QWEN_EDIT_2511_DIR: model, FAKE_ENGINE_FACTS: facts },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
