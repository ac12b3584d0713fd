import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { createEngines, MODEL, resultWith } from './engine-double.ts';
import { createTestSetup, startWorkers, submitEdit, untilStatus } from './harness.ts';

const HINT = 'Run `qwen-edit model pull owner/loras:four.safetensors` where the worker runs.';
const parameters = { prompt: 'make it blue', lora: [{ repo: 'owner/loras', file: 'four.safetensors', scale: 1 }] };
const gone = (): AppError =>
  new AppError('lora_not_found', 'owner/loras:four.safetensors has not been pulled.', { hint: HINT });

it('a LoRA that was deleted while its job waited is looked for by another worker, which has it', async () => {
  const setup = await createTestSetup();
  const tried: string[] = [];
  const without = createEngines(async () => {
    tried.push('without');
    throw gone();
  });
  const having = createEngines(async ({ request }) => {
    tried.push('having');
    expect(request.parameters).toMatchObject({ lora: parameters.lora });
    return resultWith('edited');
  });
  const first = startWorkers(setup, without);
  const id = await submitEdit(setup, { parameters });
  await until(() => tried.length === 1);
  startWorkers(setup, having);
  await first.stop();
  const { job } = await untilStatus(setup, id, 'succeeded');
  expect(job.error).toBeNull();
  expect(tried.at(-1)).toBe('having');
});

it.each([gone(), new AppError('lora_refused', 'The LoRA /x.safetensors may not be used here.')])(
  'if no worker has it or allows it ($code), the job fails with the code and what to do',
  async (error) => {
    const setup = await createTestSetup();
    const engines = createEngines(async () => {
      throw error;
    });
    startWorkers(setup, engines);
    const id = await submitEdit(setup, { parameters });
    const { job } = await untilStatus(setup, id, 'failed');
    const hint = error.code === 'lora_not_found' ? HINT : expect.stringContaining('ask whoever runs the service');
    expect(job).toMatchObject({ attempt: 3, error: { code: error.code, message: error.message, hint } });
    expect(engines.seen.edits).toBe(3);
  },
);

it('a LoRA that no worker could ever use fails its job at once', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => {
    throw new AppError('lora_mismatch', 'The LoRA was made for another model.');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup, { parameters });
  expect((await untilStatus(setup, id, 'failed')).job).toMatchObject({ attempt: 1, error: { code: 'lora_mismatch' } });
});

it('a worker tells which presets and LoRAs can be used, and again when that has changed', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  let unavailable: string | undefined = 'owner/loras has not been pulled.';
  const presets = () => [{ name: 'lightning-4', ...(unavailable === undefined ? {} : { unavailable }) }];
  const offerNow = async () => ({ presets: presets(), loras: [{ name: 'sketch' }] });
  startWorkers(setup, { ...engines, offerNow }, { workerReportMs: 20 });
  const row = async () => (await setup.database.pool.query('select ready, model from workers')).rows[0];
  await until(async () => (await row())?.ready === true);
  expect(await row()).toMatchObject({ model: { name: MODEL.name, presets: presets(), loras: [{ name: 'sketch' }] } });
  unavailable = undefined;
  await until(async () => (await row()).model.presets[0].unavailable === undefined);
});

it('a disk that cannot be read keeps no worker from showing that it is alive', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  const offerNow = async () => Promise.reject(new Error('EIO'));
  startWorkers(setup, { ...engines, offerNow });
  await until(async () => (await setup.database.pool.query('select ready from workers')).rows[0]?.ready === true);
});
