import type { SmokeContext } from './check.ts';
import { SMOKE_SIDE } from './pictures.ts';

const FEWEST_STEPS = 2;

/**
 * Parameters of the smallest edit that every model of the service makes. What versions from 0.2 on know, and the models say, is
 * left out for a service of an earlier one.
 */
export async function editParameters({ client, settings, signal }: SmokeContext): Promise<Record<string, unknown>> {
  const { data } = await client.models(signal);
  const least = Math.max(FEWEST_STEPS, ...data.map(({ limits }) => limits.min_inference_steps));
  const small = data.length > 0 && data.every(({ reference_size }) => reference_size !== null);
  return {
    prompt: settings.prompt,
    ...{ width: SMOKE_SIDE, height: SMOKE_SIDE, num_inference_steps: least },
    ...(small ? { reference_size: 'output' } : {}),
  };
}
