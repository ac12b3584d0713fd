import { AppError } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { createClimber } from '../../packages/pipeline/src/process/climb-ladder.ts';
import { kernelLadder, type Rung } from '../../packages/pipeline/src/self-test/ladder.ts';

describe('what is tried on a device until its self-test passes', () => {
  it('its fast kernels, then its safe ones', () => {
    expect(kernelLadder('webgpu', 'fp32')).toEqual([
      { kernels: 'fast', precision: 'fp32' },
      { kernels: 'safe', precision: 'fp32' },
    ]);
    expect(kernelLadder('cuda:1', 'w8')).toHaveLength(2);
  });
  it('nothing but what was asked for on the processor, with which others are compared', () => {
    expect(kernelLadder('cpu', 'w8')).toEqual([{ kernels: 'fast', precision: 'w8' }]);
  });
  it('and these in fp32 instead of half precision', () => {
    for (const precision of ['fp16', 'bf16'] as const)
      expect(kernelLadder('cuda', precision).at(-1)).toEqual({ kernels: 'safe', precision: 'fp32' });
  });
});

describe('climbing', () => {
  const RUNGS: readonly Rung[] = [
    { kernels: 'fast', precision: 'bf16' },
    { kernels: 'safe', precision: 'bf16' },
    { kernels: 'safe', precision: 'fp32' },
  ];
  /** Engines that say what `verdicts` has for each rung: an error, or nothing. */
  function climberOf(verdicts: (AppError | undefined)[]) {
    const tried: string[] = [];
    const told: string[] = [];
    const name = ({ kernels, precision }: Rung): string => `${kernels} ${precision}`;
    const climber = createClimber<string>(RUNGS, (rung, refused) => told.push(`${name(rung)} after ${refused.length}`));
    const climb = (): Promise<string> =>
      climber.climb(async (rung) => {
        tried.push(name(rung));
        const error = verdicts[RUNGS.indexOf(rung)];
        if (error !== undefined) throw error;
        return name(rung);
      });
    return { climb, tried, told, verdicts };
  }
  const drift = (what: string): AppError => new AppError('device_drift', what);

  it('what passes first serves, and nothing is told', async () => {
    const { climb, tried, told } = climberOf([]);
    expect(await climb()).toBe('fast bf16');
    expect({ tried, told }).toEqual({ tried: ['fast bf16'], told: [] });
  });
  it('what drifts is left for the next, which is told once, and the next engine begins there', async () => {
    const { climb, tried, told } = climberOf([drift('a'), drift('b')]);
    expect(await climb()).toBe('safe fp32');
    expect(await climb()).toBe('safe fp32');
    expect(tried).toEqual(['fast bf16', 'safe bf16', 'safe fp32', 'safe fp32']);
    expect(told).toEqual(['safe fp32 after 2']);
  });
  it('if nothing passes, the first refusal is the error, and the next engine begins at the top', async () => {
    const { climb, tried, verdicts } = climberOf([drift('a'), drift('b'), drift('c')]);
    await expect(climb()).rejects.toThrow('a');
    verdicts[0] = undefined;
    expect(await climb()).toBe('fast bf16');
    expect(tried).toHaveLength(4);
  });
  it('a fallback that does not fit into memory leaves the refusal that made it necessary', async () => {
    const { climb } = climberOf([drift('a'), new AppError('out_of_memory', 'too large')]);
    await expect(climb()).rejects.toMatchObject({ code: 'device_drift', message: 'a' });
  });
  it('any other error ends it at once', async () => {
    const { climb, tried } = climberOf([new AppError('model_corrupt', 'no model')]);
    await expect(climb()).rejects.toMatchObject({ code: 'model_corrupt' });
    expect(tried).toHaveLength(1);
  });
  it('a cancel during a fallback is a cancel', async () => {
    const { climb } = climberOf([drift('a'), new AppError('canceled', 'stop')]);
    await expect(climb()).rejects.toMatchObject({ code: 'canceled' });
  });
});
