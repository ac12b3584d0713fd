import { describe, expect, it } from 'vitest';
import { rows } from '../arrays.ts';
import type { Condition, Transformer, TransformerCall } from '../engine/transformer.ts';
import { type DenoiseInputs, denoise } from './denoise.ts';
import type { ForecastState } from './forecast.ts';
import { FEWEST_STEPS, forecastRule, mayForesee } from './speed.ts';

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

describe('with speed', () => {
  const STEPS = 20;
  /** Even steps, so that a prediction's bend is the same everywhere. */
  const evenly = (steps: number) => ({
    sigmas: Float32Array.from({ length: steps + 1 }, (_, i) => 1 - i / steps),
    timesteps: Float32Array.from({ length: steps }, (_, i) => 1000 * (1 - i / steps)),
  });
  interface Run {
    readonly network: ReturnType<typeof constantNetwork>;
    readonly latents: readonly Float32Array[];
    readonly forecasts: readonly ForecastState[];
    readonly foreseen: readonly boolean[];
  }
  async function run(predict: (call: Call) => number, changes: Partial<DenoiseInputs> = {}): Promise<Run> {
    const network = constantNetwork(predict);
    const forecasts: ForecastState[] = [];
    const given = inputs({
      ...{ schedule: evenly(STEPS), latents: [Float32Array.of(0, 0, 0, 0)], forecasts },
      forecastRule: forecastRule('balanced'),
      ...changes,
    });
    const foreseen: boolean[] = [];
    await denoise(network, given, { afterStep: async (_done, _estimate, each) => void foreseen.push(each) });
    return { network, latents: given.latents, forecasts: given.forecasts ?? [], foreseen };
  }
  const line = ({ timestep }: Call): number => 3 - timestep;
  const jumps = ({ timestep }: Call): number => (Math.round(timestep * STEPS) % 2 === 0 ? 1 : -1);

  it('exact computes every step', async () => {
    const { network, foreseen } = await run(line, { forecastRule: forecastRule('exact') });
    expect(network.calls).toHaveLength(STEPS);
    expect(foreseen).not.toContain(true);
  });

  it.each(['balanced', 'fast'] as const)('%s foresees what changes by a line, to the same end', async (speed) => {
    const exact = await run(line, { forecastRule: undefined });
    const faster = await run(line, { forecastRule: forecastRule(speed) });
    expect(faster.network.calls.length).toBeLessThan(0.6 * STEPS);
    expect(faster.network.calls.length).toBe(faster.forecasts[0]?.computed);
    expect(faster.foreseen.filter((each) => !each)).toHaveLength(faster.network.calls.length);
    expect(faster.latents[0]![0]).toBeCloseTo(exact.latents[0]![0]!, 5);
  });

  it('what jumps from step to step is computed in each', async () => {
    expect((await run(jumps)).network.calls).toHaveLength(STEPS);
  });

  it('the first steps and the last one are computed, and never more in a row foreseen than the rule says', async () => {
    const { foreseen } = await run(line);
    expect(foreseen.slice(0, 4)).toEqual([false, false, false, false]);
    expect(foreseen.at(-1)).toBe(false);
    const rows = foreseen.map(Number).join('').split('0');
    expect(Math.max(...rows.map(({ length }) => length))).toBe(forecastRule('balanced')?.mostInARow);
  });

  it('with few steps each one is computed', async () => {
    const few = FEWEST_STEPS - 1;
    expect((await run(line, { schedule: evenly(few) })).network.calls).toHaveLength(few);
    expect(Array.from({ length: few }, (_, i) => mayForesee(i, few))).not.toContain(true);
  });

  it('what is foreseen is the guided prediction, whatever the two that it is made of do', async () => {
    // Guidance keeps the size of the wanted prediction, which changes by a line; the unwanted one jumps.
    const predict = (call: Call) => (call.promptEmbeds === negative ? 1.5 + 0.5 * jumps(call) : line(call));
    const guided = await run(predict, { negativePromptEmbeds: negative });
    const alone = await run(line);
    expect(guided.foreseen).toContain(true);
    expect(guided.foreseen).toEqual(alone.foreseen);
    expect(guided.network.calls).toHaveLength(2 * alone.network.calls.length);
    expect(guided.latents[0]![0]).toBeCloseTo(alone.latents[0]![0]!, 5);
  });

  it('a picture does not depend on how many others were asked for', async () => {
    const predict = ({ timestep, latents }: Call) =>
      latents.data[0]! > 50 ? jumps({ timestep } as Call) : 3 - timestep;
    const calm = Float32Array.of(0, 0);
    const wild = Float32Array.of(100, 100);
    const together = await run(predict, { latents: [calm.slice(), wild.slice()] });
    const alone = await run(predict, { latents: [calm.slice()] });
    expect(together.latents[0]).toEqual(alone.latents[0]);
    expect(together.forecasts.map(({ computed }) => computed)).toEqual([alone.forecasts[0]!.computed, STEPS]);
    // A step is said to be foreseen if one of its pictures was.
    expect(together.foreseen).toEqual(alone.foreseen);
  });

  it('continues after any step as if there had been no interruption', async () => {
    const curve = ({ timestep, latents }: Call): number => Math.sin(2 * timestep) + 0.1 * latents.data[0]!;
    const whole = await run(curve);
    expect(whole.foreseen).toContain(true);
    for (let stop = 1; stop < STEPS; stop++) {
      const latents = [Float32Array.of(0, 0, 0, 0)];
      const forecasts: ForecastState[] = [];
      const stopped = new RangeError('stopped');
      const first = denoise(
        constantNetwork(curve),
        inputs({ schedule: evenly(STEPS), latents, forecasts, forecastRule: forecastRule('balanced') }),
        { afterStep: async (done) => (done === stop ? Promise.reject(stopped) : undefined) },
      );
      await expect(first).rejects.toBe(stopped);
      const rest = await run(curve, { latents, forecasts, stepsDone: stop });
      expect(rest.latents, `stopped after ${stop}`).toEqual(whole.latents);
      expect(rest.forecasts[0]?.computed).toBe(whole.forecasts[0]?.computed);
    }
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %d of the network', async (value) => {
    const late = run(({ timestep }) => (timestep < 0.5 ? value : 3 - timestep));
    await expect(late).rejects.toMatchObject({ code: 'result_invalid' });
  });
});
