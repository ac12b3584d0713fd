import { AppError, toAppError } from '@qwen-edit/contract';
import type { SelfTestFigure, SelfTestOptions, SelfTestResult } from '@qwen-edit/pipeline';
import { expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { selftestCommand } from './selftest-command.ts';

const figure = (name: string, decibels: number): SelfTestFigure => ({
  ...{ name, what: `what ${name} tells of`, decibels, cosine: 0.999_999_99, bound: 80, ok: decibels >= 80 },
});
const GOOD = { ...{ ok: true, psnr: 90, bound: 60, seconds: 1.5, precision: 'fp32', operators: [], refused: [] } };
const fast: SelfTestResult = {
  ...{ ...GOOD, ok: false, device: 'webgpu', kernels: 'fast', reason: 'It drifts.' },
  figures: [figure('noise_pred', 38.4)],
  operators: [{ ...figure('Conv', 0), error: 'no kernel' }, figure('Softmax', 135)],
};
const safe: SelfTestResult = {
  ...{ ...GOOD, device: 'webgpu', kernels: 'safe', figures: [figure('noise_pred', 126)] },
};

/** Runs the command over a device that has these results, and tells what it wrote. */
async function run(args: readonly string[], results: readonly SelfTestResult[], environment = {}) {
  const asked: SelfTestOptions[] = [];
  const written: string[] = [];
  const out = (text: string): void => void written.push(text);
  const code = await selftestCommand(args, {
    terminal: { out, err: () => undefined, errIsTty: false, columns: () => 80 },
    configOf: () => readConfig(environment),
    demoModelDir: '/the/demo/model',
    signal: new AbortController().signal,
    async runSelfTest(options) {
      asked.push(options);
      for (const each of results) options.onResult?.(each);
      return results.at(-1)!;
    },
  });
  return { code, out: written.join(''), asked };
}

it('prints each figure, its bound and whether it passes, and what an engine would go on with', async () => {
  const { code, out, asked } = await run(['--device', 'webgpu', '--model', '/a/model'], [fast, safe]);
  expect(code).toBe(0);
  expect(asked).toMatchObject([{ dir: '/the/demo/model', block: '/a/model', device: 'webgpu', operators: false }]);
  expect(out).toMatch(/what noise_pred tells of \(noise_pred\) +38\.4 +0\.9999999 +80 {2}wrong\n/);
  expect(out).toMatch(/Conv, what Conv tells of +0\.0 +0\.9999999 +80 {2}wrong: no kernel\n/);
  expect(out).toMatch(/Softmax, what Softmax tells of +135\.0 .* ok\n/);
  expect(out).toContain('failed in 1.5 s: It drifts.');
  expect(out).toMatch(/passed in 1\.5 s\n\nAn engine on webgpu serves with safe kernels in fp32\.\n$/);
});

it('exits 1 if nothing passes, and tells programs the same', async () => {
  const { code, out } = await run(['--json', '--kernels', 'fast', '--operators', '--device', 'cuda:1'], [fast]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toEqual({ ok: false, results: [JSON.parse(JSON.stringify(fast))] });
});

it('passes on what is asked for; the precision is that of QWEN_EDIT_DTYPE if no flag says it', async () => {
  const { asked } = await run(['--device', 'cuda:1', '--kernels', 'safe', '--operators'], [safe]);
  expect(asked).toMatchObject([{ device: 'cuda:1', kernels: 'safe', operators: true }]);
  expect((await run([], [safe], { QWEN_EDIT_DTYPE: 'w8' })).asked).toMatchObject([{ device: 'cpu', precision: 'w8' }]);
  expect((await run(['--precision', 'w4'], [safe])).asked).toMatchObject([{ precision: 'w4' }]);
});

it.each([
  [['--device', 'npu'], 'invalid_parameter'],
  [['--device', 'cuda:0,cpu'], 'invalid_parameter'],
  [['--kernels', 'quick'], 'usage'],
  [['--precision', 'fp7'], 'invalid_parameter'],
  [['--bound', '3'], 'usage'],
])('%s is bad usage', async (args, code) => {
  const error = await run(args, [safe]).catch(toAppError);
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ code });
});
