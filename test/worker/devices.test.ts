import { expect, it, onTestFinished } from 'vitest';
import type { EngineStart, LoadedEngine, Slot } from '../../apps/worker/src/index.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { createEngines, type EditScript, resultWith } from './engine-double.ts';
import { createTestSetup, startWorkers, submitEdit, type TestSetup, untilStatus } from './harness.ts';

const SLOTS = [
  { device: 'cpu', gpuId: null },
  { device: 'webgpu', gpuId: null },
] as const satisfies readonly Slot[];
const BUSY = 'Not enough free VRAM. Need >= 6 GiB free per GPU, got: cuda:0 (card 4) free=1.50 GiB/24.00 GiB.';

/** Engines of two devices, each with edits of its own. `load` may refuse an engine. */
function createDevices(
  scripts: { readonly cpu: EditScript; readonly webgpu: EditScript },
  load: (start: EngineStart) => Promise<void> = async () => undefined,
) {
  const engines = { cpu: createEngines(scripts.cpu, load), webgpu: createEngines(scripts.webgpu, load) };
  const openEngine = (start: EngineStart): Promise<LoadedEngine> =>
    (start.slot.device === 'cpu' ? engines.cpu : engines.webgpu).openEngine(start);
  return { openEngine, seen: { cpu: engines.cpu.seen, webgpu: engines.webgpu.seen } };
}

const rowsOf = async ({ database }: TestSetup) =>
  (
    await database.pool.query<{ device: string; ready: boolean; last_error: string | null }>(
      'select device, ready, last_error from workers order by device',
    )
  ).rows;

it('two engines on two devices do jobs side by side, and one that crashes is started again alone', async () => {
  const setup = await createTestSetup();
  const begun = { cpu: Promise.withResolvers<void>(), webgpu: Promise.withResolvers<void>() };
  let crashes = 1;
  const { openEngine, seen } = createDevices({
    cpu: async () => {
      begun.cpu.resolve();
      await begun.webgpu.promise;
      return resultWith('by the processor');
    },
    webgpu: async ({ crash }) => {
      begun.webgpu.resolve();
      await begun.cpu.promise;
      if (crashes-- > 0) throw crash();
      return resultWith('by the card');
    },
  });
  startWorkers(setup, { openEngine }, {}, SLOTS);
  const ids = [await submitEdit(setup), await submitEdit(setup)];
  for (const id of ids) await untilStatus(setup, id, 'succeeded');
  await until(async () => (await rowsOf(setup)).every(({ ready }) => ready));
  expect(seen.webgpu.opened).toBe(2);
  expect(seen.cpu.opened).toBe(1);
  const { values } = await setup.metrics.outcomes.get();
  const counted = (device: string, outcome: string) =>
    values.find(({ labels }) => labels.device === device && labels.outcome === outcome)?.value ?? 0;
  expect(counted('webgpu', 'retried')).toBe(1);
  expect(counted('cpu', 'succeeded') + counted('webgpu', 'succeeded')).toBe(2);
  const worked = (await setup.metrics.engineSeconds.get()).values.map(
    ({ labels }) => `${labels.device} ${labels.outcome}`,
  );
  expect(worked).toContain('webgpu retried');
});

it('a worker whose card is busy waits and its row says why, the other does the jobs; it works when the card is free', async () => {
  const setup = await createTestSetup();
  let busy = true;
  let refused = 0;
  const { openEngine, seen } = createDevices(
    { cpu: async () => resultWith('by the processor'), webgpu: async () => resultWith('by the card') },
    async ({ slot }) => {
      if (slot.device === 'cpu' || !busy) return;
      refused++;
      throw new AppError('device_unavailable', BUSY);
    },
  );
  startWorkers(setup, { openEngine }, {}, SLOTS);
  const told = { device: 'webgpu', ready: false, last_error: BUSY };
  await until(async () => JSON.stringify((await rowsOf(setup))[1]) === JSON.stringify(told));
  for (let i = 0; i < 3; i++) await untilStatus(setup, await submitEdit(setup), 'succeeded');
  await until(() => refused >= 3);
  expect(seen.webgpu.edits).toBe(0);
  expect(setup.lines.filter((line) => line.includes('the device cannot be used, trying again'))).toHaveLength(1);

  busy = false;
  await until(async () => (await rowsOf(setup)).every(({ ready, last_error }) => ready && last_error === null));
});

it('a job whose engine loses its device goes to another worker, keeps the cause and pays nothing', async () => {
  const setup = await createTestSetup();
  const lost = Promise.withResolvers<void>();
  // Where the test fails, its workers still end.
  onTestFinished(() => lost.resolve());
  const { openEngine, seen } = createDevices(
    {
      cpu: async () => resultWith('by the processor'),
      webgpu: async ({ crash }) => {
        crash();
        throw new AppError('device_lost', 'The device was lost.');
      },
    },
    async ({ slot }) => {
      if (slot.device === 'cpu') await lost.promise;
      // It does not come back.
      else if (seen.webgpu.edits > 0) throw new AppError('device_unavailable', 'There is no such device any more.');
    },
  );
  startWorkers(setup, { openEngine }, {}, SLOTS);
  const id = await submitEdit(setup);
  await until(async () => (await rowsOf(setup))[1]?.last_error === 'There is no such device any more.');
  const released = await untilStatus(setup, id, 'queued');
  expect(released.job.error).toMatchObject({ code: 'device_lost' });
  lost.resolve();
  const { job } = await untilStatus(setup, id, 'succeeded');
  expect(job.failures).toBe(0);
  const { rows } = await setup.database.pool.query(
    `select data ->> 'code' as code from job_events where job_id = $1 and type = 'job.released'`,
    [id],
  );
  expect(rows).toEqual([{ code: 'device_lost' }]);
  expect(seen.cpu.edits).toBe(1);
});

it('a worker that computes on the processor in place of a card says so, and is ready', async () => {
  const setup = await createTestSetup();
  const note = 'The processor computes, as no card can be used.';
  const { openEngine } = createEngines(async () => resultWith('edited'));
  startWorkers(setup, { openEngine }, {}, [{ device: 'cpu', gpuId: null, note }]);
  await until(
    async () =>
      JSON.stringify(await rowsOf(setup)) === JSON.stringify([{ device: 'cpu', ready: true, last_error: note }]),
  );
});
