import { expect, it } from 'vitest';
import type { EngineStart, LoadedEngine } from '../../apps/worker/src/index.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import { until } from '../support/until.ts';
import { workerRows } from './crowd.ts';
import { createEngines, resultWith } from './engine-double.ts';
import { createTestSetup, jobOf, startWorkers, submitEdit, type TestSetup, untilStatus } from './harness.ts';

const DRIFT = 'On cpu in fp32 the transformer (noise_pred) comes to 40.0 dB of the golden edit, and 80 dB are needed.';
const PASSED = { ok: true, psnr: 200, bound: 60, seconds: 0.2, kernels: 'fast', refused: [] };

/** Engines with a golden edit, which drifts as long as `device.drifts`. */
function createTestedEngines() {
  const device = { drifts: false, tests: 0 };
  const engines = createEngines(async () => resultWith('edited'));
  const test = async (): Promise<typeof PASSED> => {
    device.tests++;
    if (device.drifts) throw new AppError('device_drift', DRIFT);
    return PASSED;
  };
  const openEngine = async (start: EngineStart): Promise<LoadedEngine> => {
    const lastSelfTest = await test();
    const engine = await engines.openEngine(start);
    return Object.defineProperties(engine, {
      lastSelfTest: { value: lastSelfTest },
      selfTest: { value: test },
    });
  };
  return { device, seen: engines.seen, openEngine };
}

const drifts = async (setup: TestSetup): Promise<void> =>
  until(async () => (await workerRows(setup)).some(({ ready, last_error }) => !ready && last_error === DRIFT));

const counted = async ({ metrics }: TestSetup, result: string): Promise<number> =>
  (await metrics.selfTests.get()).values.find(({ labels }) => labels.result === result)?.value ?? 0;

it('a worker whose golden edit drifts takes no job and says why, until it passes', async () => {
  const setup = await createTestSetup();
  const { device, seen, openEngine } = createTestedEngines();
  device.drifts = true;
  const id = await submitEdit(setup);
  startWorkers(setup, { openEngine });
  await drifts(setup);
  await until(async () => (await counted(setup, 'drifted')) >= 3);
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', failures: 0 });
  expect(seen).toMatchObject({ opened: 0, edits: 0 });
  const told = setup.lines.filter((line) => line.includes('fails its self-test'));
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('device_drift');

  device.drifts = false;
  await untilStatus(setup, id, 'succeeded');
  await until(async () => (await workerRows(setup)).some(({ ready, last_error }) => ready && last_error === null));
  expect(await counted(setup, 'passed')).toBe(1);
});

it('a device that begins to drift is found between two jobs; the engine is replaced and has to pass', async () => {
  const setup = await createTestSetup();
  const { device, seen, openEngine } = createTestedEngines();
  startWorkers(setup, { openEngine }, { selfTestMs: 50, receiveWaitMs: 50 });
  await untilStatus(setup, await submitEdit(setup), 'succeeded');
  await until(async () => device.tests >= 3);
  expect(seen.opened).toBe(1);

  device.drifts = true;
  await drifts(setup);
  const id = await submitEdit(setup);
  await until(async () => (await counted(setup, 'drifted')) >= 3);
  expect(seen).toMatchObject({ closed: 1, edits: 1 });
  device.drifts = false;
  await untilStatus(setup, id, 'succeeded');
  expect(seen.opened).toBe(2);
});

it('with selfTestMs 0 a loaded engine is not tested again', async () => {
  const setup = await createTestSetup();
  const { device, openEngine } = createTestedEngines();
  startWorkers(setup, { openEngine }, { selfTestMs: 0, receiveWaitMs: 20 });
  for (let i = 0; i < 3; i++) await untilStatus(setup, await submitEdit(setup), 'succeeded');
  expect(device.tests).toBe(1);
});

it('an edit that meets a drifting engine is given back and costs the job no attempt', async () => {
  const setup = await createTestSetup();
  let drifting = true;
  const { openEngine } = createEngines(async () => {
    if (drifting) throw new AppError('device_drift', DRIFT);
    return resultWith('edited');
  });
  startWorkers(setup, { openEngine });
  const id = await submitEdit(setup);
  await drifts(setup);
  expect((await jobOf(setup, id)).job.failures).toBe(0);
  drifting = false;
  await untilStatus(setup, id, 'succeeded');
});
