import { describe, expect, it } from 'vitest';
import { rows } from '../arrays.ts';
import type { Condition, Transformer, TransformerCall } from '../engine/transformer.ts';
import { type DenoiseInputs, denoise } from './denoise.ts';

const angles = { cos: new Float32Array(0), sin: new Float32Array(0), tokens: 0, half: 0 };

/** What the network is asked to predict. */
interface Call extends Pick<TransformerCall, 'latents'>, Condition {
  readonly timestep: number;
}
type Network = Pick<Transformer, 'angles' | 'modulate' | 'predict'>;

/** A network whose prediction is the same number everywhere, and that remembers what it was asked. */
function constantNetwork(predict: (call: Call) => number): Network & { calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    angles: (textTokens) => ({ ...angles, tokens: textTokens }),
    modulate: async (timesteps) => ({ step: async (i) => ({ timestep: rows(timesteps.slice(i, i + 1), 1) }) }),
    async predict({ latents, conditions, modulations }) {
      return conditions.map((condition) => {
        const call = { latents, ...condition, timestep: modulations.timestep?.data[0] ?? Number.NaN };
        calls.push(call);
        return new Float32Array(latents.data.length).fill(predict(call));
      });
    },
  };
}

const positive = rows(new Float32Array(3), 1);
const negative = rows(new Float32Array(2), 1);
const inputs = (changes: Partial<DenoiseInputs> = {}): DenoiseInputs => ({
  schedule: { sigmas: Float32Array.of(1, 0.75, 0.25, 0), timesteps: Float32Array.of(1000, 750, 250) },
  stepsDone: 0,
  latents: [Float32Array.of(0, 0, 0, 0)],
  referenceLatents: rows(new Float32Array(4), 2),
  grids: [{ rows: 2, columns: 1 }],
  promptEmbeds: positive,
  negativePromptEmbeds: undefined,
  trueCfgScale: 4,
  ...changes,
});

describe('the denoising loop', () => {
  it('goes once through every step, with the timesteps of the schedule, and ends at sigma 0', async () => {
    const network = constantNetwork(() => 1);
    const given = inputs();
    const done: number[] = [];
    await denoise(network, given, { afterStep: async (step) => void done.push(step) });
    expect(network.calls.map(({ timestep }) => timestep)).toEqual([1, 0.75, 0.25]);
    expect(given.latents).toEqual([Float32Array.of(-1, -1, -1, -1)]);
    expect(done).toEqual([1, 2, 3]);
  });

  it('continues behind the steps that are done', async () => {
    const network = constantNetwork(() => 1);
    const given = inputs({ stepsDone: 2 });
    await denoise(network, given);
    expect(network.calls).toHaveLength(1);
    expect(given.latents).toEqual([Float32Array.of(-0.25, -0.25, -0.25, -0.25)]);
  });

  it('takes each picture on its own through the network, step by step together', async () => {
    const network = constantNetwork(({ latents }) => latents.data[0]!);
    const given = inputs({ latents: [Float32Array.of(1, 1), Float32Array.of(8, 8)] });
    await denoise(network, given);
    expect(network.calls.map(({ timestep }) => timestep)).toEqual([1, 1, 0.75, 0.75, 0.25, 0.25]);
    expect(given.latents[1]![0]).toBe(8 * given.latents[0]![0]!);
  });

  it('asks for both prompts if guidance is on, each with angles of its own length', async () => {
    const seen: string[] = [];
    const network = constantNetwork(({ promptEmbeds }) => (promptEmbeds === negative ? 2 : 1));
    await denoise(network, inputs({ negativePromptEmbeds: negative }), { observe: (name) => seen.push(name) });
    expect(network.calls.slice(0, 2).map((call) => [call.promptEmbeds, call.angles.tokens])).toEqual([
      [positive, 3],
      [negative, 2],
    ]);
    expect(seen.slice(0, 2)).toEqual(['noise_pred', 'negative_noise_pred']);
    expect(network.calls).toHaveLength(6);
  });

  it('estimates the clean latents of the first picture, after the steps for which that is asked only', async () => {
    const network = constantNetwork(() => 1);
    const estimates: (Float32Array | undefined)[] = [];
    await denoise(network, inputs({ latents: [Float32Array.of(5, 5), Float32Array.of(7, 7)] }), {
      needsEstimate: (done) => done === 2,
      afterStep: async (_, estimate) => void estimates.push(estimate),
    });
    // 5, less a quarter in the first step, less sigma 0.75 of the second.
    expect(estimates).toEqual([undefined, Float32Array.of(4, 4), undefined]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d of the network, naming the step', async (value) => {
    const network = constantNetwork(({ timestep }) => (timestep < 0.8 ? value : 0));
    await expect(denoise(network, inputs())).rejects.toMatchObject({
      code: 'result_invalid',
      message: 'The network gave NaN or infinity at step 2 of 3.',
    });
  });
});
