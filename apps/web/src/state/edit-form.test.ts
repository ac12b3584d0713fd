import { signal } from '@preact/signals';
import { createClient } from '@qwen-edit/client';
import { modelListSchema, type ServedModel } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { createCallService } from '../api/call-result.ts';
import { EMPTY_FORM } from '../lib/parameters.ts';
import { limitsOf } from '../lib/service-limits.ts';
import { createEditForm } from './edit-form.ts';
import { createPictureList } from './picture-list.ts';
import { createSubmitter } from './submitter.ts';

const SERVED = {
  ...{ id: 'm', object: 'model', digest: 'sha256:m', demo: false, summary: null, licence: null, full_model: null },
  ...{ ready: true, workers: 1, devices: ['cpu'], defaults: { num_inference_steps: 40 }, output_image_size: null },
  edits: [
    {
      ...{ kind: 'old', title: { en: 'Old', zh: '旧' }, lora: 'sepia' },
      prompts: { en: ['make it old'], zh: ['做旧'] },
    },
  ],
  presets: [{ name: 'lightning-4', num_inference_steps: 4, speed: 'balanced' }],
  loras: [{ name: 'sepia' }],
  limits: { min_inference_steps: 1, size_multiple: null, max_images: 8 },
};

function setUp() {
  const client = createClient({
    baseUrl: 'http://service.test',
    fetch: async () => Response.json({}, { status: 503 }),
  });
  const limits = signal(limitsOf(undefined));
  const model = signal<ServedModel | undefined>(
    modelListSchema.parse({ data: [SERVED], defaults: {}, limits: {} }).data[0],
  );
  const submitter = createSubmitter({
    callService: createCallService(client, () => undefined),
    connection: { lost: signal(false), returns: signal(0) },
    newKey: () => 'k',
    now: () => 0,
  });
  const form = signal(EMPTY_FORM);
  return { editor: createEditForm({ form, pictures: createPictureList(limits), submitter, limits, model }), model };
}

it('a value that holds anyway is no wish, and follows the next preset', () => {
  const { editor } = setUp();
  editor.setNumber('num_inference_steps', 12);
  expect(editor.form.value.numbers).toEqual({ num_inference_steps: 12 });
  editor.setNumber('num_inference_steps', 40);
  expect(editor.form.value.numbers).toEqual({});
  editor.set({ preset: 'lightning-4' });
  editor.setNumber('num_inference_steps', 4);
  editor.setChoice('speed', 'balanced');
  expect(editor.form.value).toMatchObject({ numbers: {}, choices: {} });
  editor.setNumber('num_inference_steps', 40);
  editor.setChoice('speed', 'exact');
  expect(editor.form.value).toMatchObject({ numbers: { num_inference_steps: 40 }, choices: { speed: 'exact' } });
});

it('before the model is known, every number that is set is a wish', () => {
  const { editor, model } = setUp();
  model.value = undefined;
  editor.setNumber('num_inference_steps', 40);
  expect(editor.form.value.numbers).toEqual({ num_inference_steps: 40 });
});

it('an example brings its LoRA, and the next one takes it away', () => {
  const { editor, model } = setUp();
  const [old] = model.value?.edits ?? [];
  editor.takeExample('make it old', old);
  expect(editor.form.value).toMatchObject({ prompt: 'make it old', loras: [{ name: 'sepia', scale: 1 }] });
  editor.takeExample('make it new');
  expect(editor.form.value).toMatchObject({ prompt: 'make it new', loras: [] });
});

it('what the model stops offering is kept in the form, but not sent', () => {
  const { editor, model } = setUp();
  editor.set({ preset: 'lightning-4', loras: [{ name: 'sepia', scale: 1 }] });
  expect(editor.inForce.value).toEqual(editor.form.value);
  expect(editor.preset.value?.num_inference_steps).toBe(4);
  model.value = model.value && { ...model.value, presets: [], loras: [] };
  expect(editor.form.value.preset).toBe('lightning-4');
  expect(editor.inForce.value).toMatchObject({ preset: undefined, loras: [] });
  expect(editor.preset.value).toBeUndefined();
});
