import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { createEngines, MODEL, resultWith } from './engine-double.ts';
import { createTestSetup, startWorkers } from './harness.ts';

it('a worker tells which model it is to load, until an engine has loaded it, and also if none can', async () => {
  const setup = await createTestSetup();
  const gate = Promise.withResolvers<void>();
  let failed = false;
  const engines = createEngines(
    async () => resultWith('edited'),
    async () => {
      if (!failed) {
        failed = true;
        throw new AppError('model_incomplete', 'a weight is missing');
      }
      await gate.promise;
    },
  );
  const row = async () => (await setup.database.pool.query('select ready, model, last_error from workers')).rows[0];
  const configuredModel = { ...MODEL, name: 'configured' };
  const machine = { memory_bytes: 2 ** 34, threads: 4 };
  startWorkers(setup, { ...engines, configuredModel }, {}, [{ device: 'cpu', gpuId: null, facts: { machine } }]);
  await until(async () => (await row())?.last_error === 'a weight is missing');
  expect(await row()).toMatchObject({ ready: false, model: { name: 'configured', machine } });
  gate.resolve();
  await until(async () => (await row())?.ready === true);
  expect(await row()).toMatchObject({ model: { name: MODEL.name, machine }, last_error: null });
});
