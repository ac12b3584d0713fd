import type { DeviceName, PrecisionName } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import type { KernelSet } from '../engine/devices.ts';
import { planWithAlternatives } from './alternatives.ts';
import type { MemoryOptions } from './edit-needs.ts';
import { knownModelShape } from './known-models.ts';
import { planMemory, residencyOf } from './memory.ts';
import { plannedEdit } from './planned-edit.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = (side: number) => ({ width: side, height: side });
const edit = plannedEdit({}, [square(1024)], {});
const GIB = 2 ** 30;
const GB = 1e9;
const CARDS: readonly DeviceName[] = ['cuda', 'webgpu'];

const on = (device: DeviceName, precision: PrecisionName, gib: number | undefined): MemoryOptions => ({
  ...{ device, precision, memoryBytes: gib === undefined ? undefined : gib * GIB },
});
const plan = (device: DeviceName, precision: PrecisionName, gib: number | undefined, asked = edit) =>
  planMemory(shape, asked, on(device, precision, gib));
const stageOf = (name: string, { stages }: ReturnType<typeof plan>) => stages.find(({ stage }) => stage === name)!;

describe('the real model, 1024 × 1024 from one picture, on cards that people have', () => {
  it.each(CARDS)('%s: in bf16 all of it stays on 80 GB', (device) => {
    const { verdict, residency } = plan(device, 'bf16', 80);
    expect(verdict).toBe('fits');
    for (const { held, segments, stays } of Object.values(residency)) expect([held, stays]).toEqual([segments, true]);
  });

  it.each(CARDS)('%s: in 8 bits the transformer stays on 24 GB, in 4 bits on 16, and it fits on 12', (device) => {
    for (const [precision, gib] of [
      ['w8', 24],
      ['w4', 16],
    ] as const) {
      const { verdict, residency } = plan(device, precision, gib);
      expect([verdict, residency.transformer.stays]).toEqual(['fits', true]);
    }
    expect(plan(device, 'w4', 12).verdict).toBe('fits');
  });

  it.each(CARDS)('%s: with less it streams, and tells what a step copies', (device) => {
    for (const [precision, gib] of [
      ['bf16', 24],
      ['w8', 12],
      ['w4', 6],
    ] as const) {
      const made = plan(device, precision, gib);
      expect(made.verdict).toBe('streams');
      expect(made.disk_bytes_a_step).toBe(stageOf('denoise', made).streamed_bytes);
      expect(made.peak_bytes).toBeLessThan(gib * GIB);
    }
  });

  it('weights without their modulations: 27.2 GB in bf16, 14.0 in 8 bits, 7.3 in 4, and twice as much in fp32', () => {
    const gigabytes = (precision: PrecisionName): number => {
      const { streamed_bytes } = stageOf('denoise', plan('webgpu', precision, 1));
      return streamed_bytes / GB;
    };
    const OTHERS = 0.02;
    expect(gigabytes('bf16')).toBeCloseTo(27.2, 1);
    expect(gigabytes('fp32') / gigabytes('bf16')).toBeCloseTo(2, 2);
    expect(gigabytes('w8')).toBeCloseTo((60 * 24 * 3072 ** 2 * (1 + 4 / 128)) / GB + 3 * OTHERS, 1);
    expect(gigabytes('w4')).toBeCloseTo((60 * 24 * 3072 ** 2 * (0.5 + 4.5 / 128)) / GB + 3 * OTHERS, 1);
  });

  it('the modulations are there for a moment only, a block of them at a time', () => {
    const { streamed_bytes, segment_bytes } = stageOf('modulate', plan('cuda', 'bf16', 80));
    // In fp32, as all that is not repeated in the same form.
    expect(streamed_bytes / GB).toBeCloseTo(27.3, 1);
    expect(segment_bytes * 59).toBeLessThan(streamed_bytes);
  });

  it.each(CARDS)('%s: the text encoder is gone before the transformer denoises if both do not fit', (device) => {
    const { residency, stages } = plan(device, 'w8', 24);
    expect(residency.language.stays).toBe(false);
    const denoise = stages.find(({ stage }) => stage === 'denoise')!;
    expect(denoise.held_bytes / GB).toBeLessThan(14.3);
  });
});

describe('attention', () => {
  const withKernels = (kernels: KernelSet) => planMemory(shape, edit, { ...on('webgpu', 'fp32', 80), kernels });

  it('fused holds no logits; composed holds those of an eighth of the heads, and their softmax', () => {
    const [fused, composed] = (['fast', 'safe'] as const).map((kernels) => stageOf('denoise', withKernels(kernels)));
    const length = 4096 + 4096 + 258;
    const logits = 3 * length ** 2 * 4;
    const more = composed!.activations_bytes - fused!.activations_bytes;
    expect(more / (1.1 * 2 * logits)).toBeCloseTo(1, 1);
  });
});

describe('few sessions where each keeps what it has computed with', () => {
  it('as large segments as leave room for all of the transformer, and small ones if nothing does', () => {
    const segments = (gib: number) => plan('cuda', 'w8', gib).residency.transformer.segments;
    expect(segments(80)).toBe(7);
    expect(segments(24)).toBe(3);
    expect(segments(12)).toBe(62);
    expect(plan('webgpu', 'w8', 80).residency.transformer.segments).toBe(62);
  });

  it('what they keep is counted', () => {
    const kept = (device: DeviceName) => stageOf('denoise', plan(device, 'bf16', 80));
    const { activations_bytes } = kept('cuda');
    expect(kept('cuda').resident_bytes - kept('webgpu').resident_bytes).toBeGreaterThan(3 * activations_bytes);
  });
});

describe('two cards that share the segments', () => {
  const held = (gib: number, devices: number) => {
    const { transformer } = residencyOf(shape, edit, { ...on('webgpu', 'fp16', gib), devices });
    return transformer.held;
  };

  it('hold together what one cannot, and with less no more than is safe on the first', () => {
    expect(held(24, 1)).toBeLessThan(62);
    expect(held(48, 2)).toBe(Number.POSITIVE_INFINITY);
    expect(held(24, 2)).toBe(held(12, 1));
  });
});

describe('the VAE', () => {
  it('works on whole pictures if there is room, as on a processor', () => {
    expect(plan('cuda', 'w8', 24).tiled).toBe(false);
    expect(residencyOf(shape, edit, on('cuda', 'w8', 24)).untiledArea).toBe(1024 ** 2);
    expect(planMemory(shape, edit, on('cpu', 'w8', 1)).tiled).toBe(false);
  });

  it('in tiles where a whole picture does not fit, and says so', () => {
    const small = plan('webgpu', 'w4', 2);
    expect(small.tiled).toBe(true);
    const decode = (gib: number) => stageOf('decode', plan('webgpu', 'w4', gib)).activations_bytes;
    expect(decode(2)).toBeLessThan(decode(4) / 3);
    expect(residencyOf(shape, edit, on('webgpu', 'w4', 2)).untiledArea).toBeLessThan(1024 ** 2);
  });

  it('pictures that fit stay whole beside larger ones that do not', () => {
    const asked = { ...edit, references: [square(512)] };
    const { untiledArea } = residencyOf(shape, asked, on('webgpu', 'w4', 2));
    expect(untiledArea).toBeGreaterThanOrEqual(512 ** 2);
  });
});

describe('what is told', () => {
  it('main memory apart from that of the device, and none for a processor', () => {
    const host = (device: DeviceName, precision: PrecisionName) => plan(device, precision, 80).host_bytes;
    expect(host('cpu', 'fp32')).toBeNull();
    expect(host('webgpu', 'w8')! / GB).toBeLessThan(3);
    // What segments give returns to the host.
    expect(host('cuda', 'w8')! - host('webgpu', 'w8')!).toBeGreaterThan(8450 * 3072 * 4);
  });

  it('nothing of it is mapped from files', () => {
    for (const stage of plan('cuda', 'bf16', 80).stages) expect(stage.mapped).toBe(false);
    for (const stage of plan('cpu', 'fp32', 80).stages) expect(stage.mapped).toBe(true);
  });

  it('an array that the device cannot have is an obstacle, whatever memory there is, and a smaller size helps', () => {
    const drafted = plannedEdit({}, [square(1024)], { preset: 'draft' });
    const large = { ...edit, size: square(2048), references: [square(2048)] };
    const options = on('webgpu', 'fp32', 500);
    const { obstacle, verdict, alternatives } = planWithAlternatives(shape, large, drafted, options);
    expect(obstacle).toMatch(
      /^One array of the transformer would have \d\.\d GB, and the device takes 1\.1 GB at once\.$/,
    );
    expect(verdict).toBe('too_large');
    expect(alternatives[0]?.text).toMatch(/^a result of /);
  });

  it('with the memory that it names it fits, and with less it streams', () => {
    for (const device of CARDS) {
      const { fits_bytes } = plan(device, 'w4', 6);
      const verdict = (memoryBytes: number) =>
        planMemory(shape, edit, { device, precision: 'w4', memoryBytes }).verdict;
      expect([verdict(fits_bytes + 1e6), verdict(fits_bytes - 1e7)]).toEqual(['fits', 'streams']);
    }
  });

  it('more memory never holds less, and nothing is planned that does not fit', () => {
    for (const device of CARDS) {
      let before = 0;
      for (let gib = 6; gib <= 80; gib += 2) {
        const made = plan(device, 'bf16', gib);
        expect(made.peak_bytes, `${device} ${gib}`).toBeLessThan(gib * GIB);
        const { held, segments } = made.residency.transformer;
        expect(held / segments, `${device} ${gib}`).toBeGreaterThanOrEqual(before);
        before = held / segments;
      }
    }
  });
});
