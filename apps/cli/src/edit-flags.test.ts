import { expect, it } from 'vitest';
import { parseEditFlags } from './edit-flags.ts';

const NEEDED = ['--image', 'a.png', '--prompt', 'make it gray', '--out', 'b.png'];
const withFlags = (...flags: string[]) => parseEditFlags([...NEEDED, ...flags]);

it('what is not said is left out, so that the checkpoint or the guide fills it', () => {
  expect(parseEditFlags(NEEDED)).toMatchObject({
    images: ['a.png'],
    parameters: { prompt: 'make it gray', output_format: 'png' },
    precision: undefined,
    out: 'b.png',
    json: false,
  });
  expect(Object.keys(parseEditFlags(NEEDED).parameters)).toEqual(['prompt', 'output_format']);
});

it('a precision is handed on as it is given: the pipeline checks it', () => {
  expect(withFlags('--precision', 'int8').precision).toBe('int8');
});

it('every flag reaches its parameter', () => {
  const flags = [
    '--steps',
    '8',
    '--true-cfg-scale',
    '2.5',
    '--guidance-scale',
    '1e0',
    '--seed',
    '18446744073709551615',
  ];
  const sizes = ['--num-images', '2', '--max-side', '0', '--height', '256', '--width', '192'];
  expect(withFlags(...flags, ...sizes, '--negative-prompt', 'blurry').parameters).toEqual({
    prompt: 'make it gray',
    negative_prompt: 'blurry',
    num_inference_steps: 8,
    true_cfg_scale: 2.5,
    guidance_scale: 1,
    seed: '18446744073709551615',
    num_images_per_prompt: 2,
    max_side: 0,
    height: 256,
    width: 192,
    output_format: 'png',
  });
});

it('the flags of sizes reach their parameters, in the form in which they are kept', () => {
  const flags = ['--size', '512 X 384', '--reference-size', 'output', '--preset', 'draft'];
  expect(withFlags(...flags).parameters).toMatchObject({ size: '512x384', reference_size: 'output', preset: 'draft' });
  expect(withFlags('--output-area', '262144').parameters.output_area).toBe(262_144);
});

it('a preset, a speed and LoRAs reach their parameters; LoRAs add up in their order', () => {
  const flags = [
    '--preset',
    'lightning-4',
    '--speed',
    'fast',
    '--lora',
    './a, b.safetensors@0.5',
    '--lora',
    'o/n:f.safetensors',
  ];
  expect(withFlags(...flags).parameters).toMatchObject({
    ...{ preset: 'lightning-4', speed: 'fast' },
    lora: [
      { path: './a, b.safetensors', scale: 0.5 },
      { repo: 'o/n', file: 'f.safetensors', scale: 1 },
    ],
  });
});

it('a value may begin with a dash', () => {
  expect(withFlags('--seed', '-1').parameters.seed).toBe('-1');
  expect(withFlags('--seed=-1').parameters.seed).toBe('-1');
  const flags = ['--image', 'a.png', '--prompt', '--- no colours, please', '--out', 'b.png'];
  expect(parseEditFlags(flags).parameters.prompt).toBe('--- no colours, please');
  expect(parseEditFlags(['--image', 'a.png', '--prompt=--out', '--out', 'b.png']).parameters.prompt).toBe('--out');
});

it('the same picture may be given twice, in order', () => {
  expect(withFlags('--image', 'c.jpg', '--image', 'a.png').images).toEqual(['a.png', 'c.jpg', 'a.png']);
});

it('an empty negative prompt and none are two different things', () => {
  expect(withFlags('--negative-prompt', '').parameters.negative_prompt).toBe('');
  expect(withFlags('--no-negative-prompt').parameters.negative_prompt).toBeNull();
  expect(withFlags().parameters.negative_prompt).toBeUndefined();
});

it('the extension decides the format, whatever its case', () => {
  const format = (out: string) =>
    parseEditFlags(['--image', 'a', '--prompt', 'p', '--out', out]).parameters.output_format;
  expect(['x.png', 'x.jpg', 'x.JPEG', 'x.y.WebP'].map(format)).toEqual(['png', 'jpeg', 'jpeg', 'webp']);
});

it.each(['NaN', '', ' ', '40.5', '4e1', '0x28', '1e309', '４０', '40 ', 'Infinity', '99999999999999999999'])(
  'refuses --steps=%s',
  (value) => {
    expect(() => withFlags(`--steps=${value}`)).toThrow('--steps must be a whole number');
  },
);

it.each(['NaN', '', '1e309', '-Infinity', '0x2', '1,5', '.'])('refuses --true-cfg-scale=%s', (value) => {
  expect(() => withFlags(`--true-cfg-scale=${value}`)).toThrow('--true-cfg-scale must be a number');
});

it.each([
  [['--steps', '0'], '--steps must be at least 1'],
  [['--steps', '101'], '--steps must be at most 100'],
  [['--true-cfg-scale', '-1'], '--true-cfg-scale must be at least 0'],
  [['--seed', '-2'], '--seed must be a whole number'],
  [['--seed', '18446744073709551616'], '--seed must be a whole number'],
  [['--height', '-64'], '--height must be at least 1'],
  [['--size', '512'], '--size must be auto, or width x height'],
  [['--size', '512x384', '--width', '640'], '--size and width say different things'],
  [['--reference-size', 'area'], '--reference-size must be one of: model, output'],
  [['--preset', 'Final!'], '--preset must be lower case letters'],
  [['--speed', 'quick'], '--speed must be one of: exact, balanced, fast'],
  [['--lora', 'a@5'], '--lora: scale must be at most 4'],
  [['--lora', 'a', '--lora', 'b@strong'], '--lora: scale must be a number'],
  [Array.from({ length: 20 }, () => ['--lora', 'a']).flat(), '--lora must have at most 8 LoRAs'],
])('a parameter out of range is named as it was written: %s', (flags, message) => {
  expect(() => withFlags(...flags)).toThrow(expect.objectContaining({ code: 'invalid_parameter' }));
  expect(() => withFlags(...flags)).toThrow(message);
});

it.each([
  [['--unknown', '1'], "Unknown option '--unknown'"],
  [['--negative-prompt', 'x', '--no-negative-prompt'], 'exclude each other'],
  [['--json=yes'], "'--json' does not take an argument"],
  [['stray'], "Unexpected argument 'stray'"],
  [['--', '--seed', '1'], 'Unexpected argument'],
  [['--steps', '4', '--steps', '8'], '--steps is given twice'],
  [['--seed'], '--seed needs a value'],
  [['--seed', '--json'], '--seed needs a value'],
  [Array.from({ length: 8 }, () => '--image=a.png'), '--image may be given 8 times at most, not 9'],
])('bad usage is refused: %s', (flags, message) => {
  expect(() => withFlags(...flags)).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(() => withFlags(...flags)).toThrow(message);
});

it.each(['--image', '--prompt', '--out'])('%s is needed', (flag) => {
  const at = NEEDED.indexOf(flag);
  expect(() => parseEditFlags(NEEDED.toSpliced(at, 2))).toThrow(`${flag} is missing`);
});

it('an empty prompt and one without end have codes of their own', () => {
  const prompt = (text: string) => () => parseEditFlags(['--image', 'a', '--prompt', text, '--out', 'b.png']);
  expect(prompt(' \n')).toThrow(expect.objectContaining({ code: 'prompt_empty' }));
  expect(prompt('x'.repeat(100_000))).toThrow(expect.objectContaining({ code: 'prompt_too_long' }));
});
