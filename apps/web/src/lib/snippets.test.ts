import { expect, it } from 'vitest';
import { EMPTY_FORM, type FormValues, requestParameters } from './parameters.ts';
import { SNIPPET_LANGUAGES, type SnippetLanguage, type SnippetRequest, snippetOf } from './snippets.ts';

const REQUEST: SnippetRequest = {
  baseUrl: 'http://127.0.0.1:7860',
  parameters: { prompt: `it's "night"\n图片`, seed: '7', num_inference_steps: 6, negative_prompt: null },
  pictures: ['my cat.jpg', 'picture-2.jpg'],
  jobId: undefined,
  results: 2,
  format: 'png',
  withKey: false,
};

it('the shell gets every word as it was said', () => {
  const code = snippetOf('curl', REQUEST);
  expect(code).toContain(`--form-string 'params={"prompt":"it'\\''s \\"night\\"\\n图片","seed":"7"`);
  expect(code).toContain(`-F 'image=@my cat.jpg'`);
  expect(code).toContain('-F image=@picture-2.jpg');
  expect(code).toContain('outputs/1" -o result-2.png');
});

it('TypeScript and Python get the same parameters', () => {
  expect(snippetOf('typescript', REQUEST)).toContain(`"prompt": "it's \\"night\\"\\n图片"`);
  expect(snippetOf('python', REQUEST)).toContain('"negative_prompt": None,');
});

it('a preset, LoRAs and a speed are in every language', () => {
  const form: FormValues = {
    ...EMPTY_FORM,
    prompt: 'x',
    preset: 'lightning-4',
    choices: { speed: 'fast' },
    loras: [{ name: 'sepia', scale: 0.8, byExample: true }],
  };
  const code = (language: SnippetLanguage) =>
    snippetOf(language, { ...REQUEST, parameters: requestParameters(form) }).replaceAll(/\s+/g, '');
  for (const language of SNIPPET_LANGUAGES) {
    expect(code(language)).toContain('"preset":"lightning-4"');
    expect(code(language)).toContain('"lora":[{"name":"sepia","scale":0.8}]');
    expect(code(language)).toContain('"speed":"fast"');
  }
});

it('the pictures of a job are fetched from it', () => {
  for (const language of ['curl', 'typescript', 'python'] as const) {
    const code = snippetOf(language, { ...REQUEST, jobId: 'job_1' });
    expect(code).toContain('/v1/jobs/job_1/inputs/1');
    expect(code).toContain('http://127.0.0.1:7860');
  }
});

it('a service that asks for a key is told it, from the environment', () => {
  for (const language of ['curl', 'typescript', 'python'] as const) {
    expect(snippetOf(language, REQUEST)).not.toContain('QWEN_EDIT_KEY');
    expect(snippetOf(language, { ...REQUEST, withKey: true })).toContain('QWEN_EDIT_KEY');
  }
});
