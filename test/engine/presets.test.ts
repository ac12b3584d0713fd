import { expect, it } from 'vitest';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import { type LoadedModel, loadModel } from '../../packages/pipeline/src/engine/model.ts';
import { changeJson, copyOf } from '../bad-input/model-copies.ts';
import { inputBytes } from '../parity/goldens.ts';

const SCHEDULE = { base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null };

const load = (dir: string): Promise<LoadedModel> => loadModel(dir, { threads: 2, pause: async () => undefined });

async function edit(model: LoadedModel, parameters: object) {
  const request = { images: [inputBytes('sq_72x72')], parameters: { prompt: 'paint it', ...parameters } };
  const { outputs, receipt } = await runEdit(model, request);
  return { bytes: outputs[0]?.bytes, parameters: receipt.parameters };
}

it('a preset’s schedule is that of a checkpoint which has it as its own, and one step is then possible', async () => {
  const dir = await copyOf('tiny-a');
  const preset = { name: 'few', num_inference_steps: 2, true_cfg_scale: 1, schedule: SCHEDULE };
  await changeJson(dir, 'edit_config.json', (json) => Object.assign(json, { presets: [preset] }));
  const own = await copyOf('tiny-a');
  await changeJson(own, 'scheduler/scheduler_config.json', (json) => Object.assign(json, SCHEDULE));
  const size = { width: 64, height: 64 };
  const [byPreset, byCheckpoint] = [await load(dir), await load(own)];

  const wanted = await edit(byCheckpoint, { ...size, num_inference_steps: 2, true_cfg_scale: 1 });
  const made = await edit(byPreset, { ...size, preset: 'few' });
  expect(made.bytes).toEqual(wanted.bytes);
  expect(made.parameters).toMatchObject({ preset: 'few', num_inference_steps: 2, true_cfg_scale: 1 });
  // The receipt's parameters make it again, and without the preset the schedule is another.
  expect((await edit(byPreset, made.parameters)).bytes).toEqual(made.bytes);
  const { preset: _, ...without } = made.parameters;
  expect((await edit(byPreset, without)).bytes).not.toEqual(made.bytes);

  await edit(byPreset, { ...size, preset: 'few', num_inference_steps: 1 });
  await expect(edit(byPreset, { ...size, num_inference_steps: 1, true_cfg_scale: 1 })).rejects.toMatchObject({
    code: 'steps_too_few',
  });
});
