import { expect, it } from 'vitest';
import { createMeter, type PullProgress } from './meter.ts';

function metered() {
  let now = 0;
  const told: PullProgress[] = [];
  const meter = createMeter(
    (progress) => told.push(progress),
    () => now,
  );
  return { meter, told, last: () => told.at(-1), wait: (ms: number) => (now += ms) };
}

it('the rate is that of the last seconds, of what came over the network alone', () => {
  const { meter, last, wait } = metered();
  meter.total(2, 10_000);
  meter.bytes('there', 4000, 0);
  meter.phase('downloading');
  expect(last()).toMatchObject({ bytesDone: 4000, bytesPerSecond: null, etaSeconds: null });
  for (let i = 1; i <= 10; i++) {
    wait(1000);
    meter.bytes('coming', i * 300, 300);
  }
  expect(last()).toMatchObject({ bytesDone: 7000, file: 'coming', bytesPerSecond: 333, etaSeconds: 3000 / 333 });
});

it('bytes that were thrown away are taken off again', () => {
  const { meter, last } = metered();
  meter.total(1, 100);
  meter.bytes('a', 60, 60);
  meter.bytes('a', 0, 0);
  meter.phase('downloading');
  expect(last()?.bytesDone).toBe(0);
});

it('tells at most five times a second, and each change of the phase', () => {
  const { meter, told, wait } = metered();
  meter.total(1, 1000);
  for (let i = 1; i <= 1000; i++) {
    wait(1);
    meter.bytes('a', i, 1);
  }
  expect(told.length).toBeLessThanOrEqual(6);
  meter.phase('done');
  expect(told.at(-1)).toMatchObject({ phase: 'done', bytesDone: 1000, filesDone: 1 });
});
