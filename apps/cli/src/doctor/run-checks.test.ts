import { AppError } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import type { DoctorDeps } from './check.ts';
import { okFinding } from './finding.ts';
import { runDoctorChecks } from './run-checks.ts';

const deps = {} as DoctorDeps;
const options = { skip: new Set<string>(), signal: new AbortController().signal };
const fine = { run: async () => [okFinding('fine')], seconds: 10 };

it('a check that hangs, and one that throws, are problems of their own; the others are told', async () => {
  const hangs = { run: () => new Promise<never>(() => undefined), seconds: 0.02 };
  const throws = {
    run: () => Promise.reject(new AppError('database_unavailable', 'Nobody answers.')),
    seconds: 10,
  };
  expect(await runDoctorChecks(deps, options, { hangs, throws, last: { ...fine, alone: true } })).toEqual([
    {
      check: 'hangs',
      status: 'problem',
      code: 'internal',
      message: expect.stringContaining('0.02 s'),
      remedy: expect.any(String),
    },
    {
      check: 'throws',
      status: 'problem',
      code: 'database_unavailable',
      message: 'Nobody answers.',
      remedy: expect.any(String),
    },
    { check: 'last', status: 'ok', message: 'fine' },
  ]);
});

it('what measures time waits for the others, and is shown in its place', async () => {
  const order: string[] = [];
  const noting = (name: string) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push(name);
    return [okFinding(name)];
  };
  const checks = {
    a: { run: noting('a'), seconds: 10, alone: true as const },
    b: { run: noting('b'), seconds: 10 },
    c: { run: noting('c'), seconds: 10, alone: true as const },
  };
  expect((await runDoctorChecks(deps, options, checks)).map(({ check }) => check)).toEqual(['a', 'b', 'c']);
  expect(order).toEqual(['b', 'a', 'c']);
});

it('what is skipped is not run, and an abort ends all of it', async () => {
  const found = await runDoctorChecks(deps, { ...options, skip: new Set(['b']) }, { a: fine, b: fine });
  expect(found.map(({ check }) => check)).toEqual(['a']);
  const signal = AbortSignal.timeout(10);
  const waits = { run: () => new Promise<never>(() => undefined), seconds: 100 };
  await expect(runDoctorChecks(deps, { ...options, signal }, { waits })).rejects.toMatchObject({ code: 'canceled' });
});
