import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { limitSide } from '../../packages/contract/src/index.ts';
import { PLUS_FAMILY } from '../../packages/pipeline/src/hub/families.ts';
import { knownPresets } from '../../packages/pipeline/src/hub/known-presets.ts';
import { schedulerSchema } from '../../packages/pipeline/src/hub/scheduler-config.ts';
import { readTokenizerFiles } from '../../packages/pipeline/src/hub/tokenizer-files.ts';
import { transformerSchema } from '../../packages/pipeline/src/hub/transformer-config.ts';
import { calculateDimensions, smartResize } from '../../packages/pipeline/src/image/dimensions.ts';
import { resizeBicubicTorchvision, resizeLanczos } from '../../packages/pipeline/src/image/resample.ts';
import { randn } from '../../packages/pipeline/src/sampling/noise.ts';
import { changedSchedule, createSchedule } from '../../packages/pipeline/src/sampling/schedule.ts';
import { createPromptEncoder } from '../../packages/pipeline/src/text/prompt.ts';
import { absoluteError, checkpointDir, golden, inputPixels, readGoldenJson, sha256 } from './goldens.ts';

interface Text {
  readonly text: string;
  readonly ids: number[];
  readonly plain_ids: number[];
}

describe('token ids are equal to those of transformers', () => {
  const vectors = readGoldenJson<Record<'tiny-a' | 'tiny-b' | 'tiny-c', Text[]>>(golden('vectors', 'tokenizer.json'));
  describe.each(['tiny-a', 'tiny-b', 'tiny-c'] as const)('%s', (name) => {
    it.each(vectors[name])('$text', async ({ text, ids, plain_ids }) => {
      const files = (await readTokenizerFiles(checkpointDir(name), 'tokenizer'))!;
      const whole = new Tokenizer(files.file, files.config);
      expect(whole.encode(text, { add_special_tokens: false }).ids).toEqual(ids);

      const prompt = createPromptEncoder(files.file, files.config);
      const empty = prompt.encode('', []).ids;
      const tail = whole.encode('<|im_end|>\n<|im_start|>assistant\n', { add_special_tokens: false }).ids.length;
      const head = empty.length - tail;
      expect(prompt.encode(text, []).ids.slice(head, -tail), 'as a prompt, without special tokens').toEqual(plain_ids);
    });
  });
});

describe('noise is that of torch within 1e-6', () => {
  interface Draw {
    readonly count: number;
    readonly seed: string;
    readonly head: number[];
    readonly tail: number[];
    readonly sum: number;
    readonly sum_of_squares: number;
    readonly sum_by_index: number;
  }
  it.each(readGoldenJson<Draw[]>(golden('vectors', 'randn.json')))('$count values of seed $seed', (draw) => {
    const noise = randn(draw.count, BigInt(draw.seed));
    expect(absoluteError(noise.subarray(0, 16), draw.head)).toBeLessThanOrEqual(1e-6);
    expect(absoluteError(noise.subarray(-16), draw.tail)).toBeLessThanOrEqual(1e-6);
    expect(Math.abs(noise.reduce((sum, x) => sum + x, 0) - draw.sum)).toBeLessThanOrEqual(1e-6 * draw.count);
    expect(Math.abs(noise.reduce((sum, x, i) => sum + (i + 1) * x, 0) - draw.sum_by_index)).toBeLessThanOrEqual(
      1e-6 * draw.count ** 2,
    );
  });

  it('picture i does not depend on how many are drawn', () => {
    expect(randn(4096, 7n).subarray(0, 1024)).toEqual(randn(1024, 7n));
  });
});

describe('resized bytes are equal to those of Pillow and torchvision', () => {
  interface Resize {
    readonly input: string;
    readonly width: number;
    readonly height: number;
    readonly pillow_lanczos: { sha256: string };
    readonly torchvision_bicubic: { sha256: string };
  }
  it.each(readGoldenJson<Resize[]>(golden('vectors', 'resize.json')))('$input to $width × $height', async (wanted) => {
    const image = await inputPixels(wanted.input);
    const { width, height } = wanted;
    expect(sha256(resizeLanczos(image, width, height).data)).toBe(wanted.pillow_lanczos.sha256);
    expect(sha256(resizeBicubicTorchvision(image, width, height).data)).toBe(wanted.torchvision_bicubic.sha256);
  });
});

describe('sizes are equal to those of diffusers, halves to even', () => {
  type Pair = [number, number] | null;
  const vectors = readGoldenJson<{
    areas: Record<string, number>;
    pictures: ({ width: number; height: number } & Record<string, Pair | number>)[];
    smart_resize: { width: number; height: number; min_pixels: number; max_pixels: number; height_width: Pair }[];
    max_side: { width: number; height: number; max_side: number; shrunk: [number, number] }[];
  }>(golden('vectors', 'dimensions.json'));

  it.each(vectors.pictures)('$width × $height', (picture) => {
    for (const [name, area] of Object.entries(vectors.areas)) {
      const wanted = picture[name] as [number, number] | null;
      if (wanted === null || wanted.includes(0)) {
        expect(() => calculateDimensions(area, picture), name).toThrow('too narrow');
      } else {
        expect(calculateDimensions(area, picture), name).toEqual({ width: wanted[0], height: wanted[1] });
      }
    }
  });

  it.each(vectors.smart_resize)('smart resize of $width × $height', ({ height_width, ...from }) => {
    const resize = () => smartResize(from, 28, from.min_pixels, from.max_pixels);
    if (height_width === null) expect(resize).toThrow('too narrow');
    else expect(resize()).toEqual({ width: height_width[1], height: height_width[0] });
  });

  it.each(vectors.max_side)('$width × $height within $max_side', ({ shrunk, max_side, ...from }) => {
    expect(limitSide(from, max_side)).toEqual({ width: shrunk[0], height: shrunk[1] });
  });
});

describe('sigmas are those of diffusers within 1e-6', () => {
  const vectors = readGoldenJson<{
    configs: Record<string, unknown>;
    schedules: {
      config: string;
      sequence_length: number;
      steps: number;
      sigmas: (number | null)[];
      timesteps: (number | null)[];
    }[];
  }>(golden('vectors', 'scheduler.json'));

  it.each(vectors.schedules)(
    '$config, $steps steps at $sequence_length tokens',
    ({ config, steps, sequence_length, sigmas }) => {
      const schedule = () =>
        createSchedule(schedulerSchema.parse(vectors.configs[config]), steps, sequence_length).sigmas;
      if (sigmas.includes(null)) expect(schedule).toThrow('divides 0 by 0');
      else expect(absoluteError(schedule(), sigmas as number[])).toBeLessThanOrEqual(1e-6);
    },
  );

  describe.each(['lightning-4', 'lightning-8'])(
    'the released schedule with what %s changes is that of Lightning',
    (name) => {
      const released = schedulerSchema.parse(vectors.configs.released);
      const transformer = transformerSchema.parse({ _class_name: 'QwenImageTransformer2DModel', zero_cond_t: true });
      const presets = knownPresets({ family: PLUS_FAMILY, transformer, scheduler: released, demo: false });
      const preset = presets.find((each) => each.name === name)!;
      const steps = preset.num_inference_steps!;
      const wanted = vectors.schedules.filter((each) => each.config === 'lightning' && each.steps === steps);

      it('at several sizes', () => {
        expect(wanted.map((each) => each.sequence_length)).toEqual([24, 256, 1008, 4096, 8192]);
      });

      it.each(wanted)('at $sequence_length tokens', ({ sequence_length, sigmas, timesteps }) => {
        const schedule = createSchedule(changedSchedule(released, preset.schedule!), steps, sequence_length);
        expect(absoluteError(schedule.sigmas, sigmas as number[])).toBeLessThanOrEqual(1e-6);
        const scaled = timesteps.map((each) => each! / released.num_train_timesteps);
        expect(
          absoluteError(
            schedule.timesteps.map((each) => each / released.num_train_timesteps),
            scaled,
          ),
        ).toBeLessThanOrEqual(1e-6);
      });
    },
  );
});
