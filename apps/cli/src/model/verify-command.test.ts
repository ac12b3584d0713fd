import { demoModelDir } from '@qwen-edit/demo-model';
import { describe, expect, it } from 'vitest';
import { dispatch } from '../dispatch.ts';
import { renderVerify } from './verify-report.ts';

/** Runs a command line; whatever else dispatch needs is not reached by it. */
async function run(args: readonly string[], modelDir?: string) {
  let out = '';
  let err = '';
  const code = await dispatch(['model', ...args], {
    terminal: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      errIsTty: false,
      columns: () => 80,
    },
    version: '0.0.0',
    readConfig: () => Object.assign(Object.create(null), { modelDir, noColor: true }),
    setNice: () => undefined,
    demoModelDir,
    createPipeline: () => Promise.reject(new Error('no pipeline is needed')),
    now: () => 0,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

describe('qwen-edit model verify', () => {
  it('says that the demo model is whole if nothing names another, and that of --quick is less', async () => {
    expect(await run(['verify'])).toEqual({
      code: 0,
      err: '',
      out: expect.stringContaining('is whole: 3 files, 9.8 MB'),
    });
    expect(await run(['verify', '--quick'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('Without --quick'),
    });
  });

  it('lists findings with what to do, and fails with the code of the first', async () => {
    const { code, out, err } = await run(['verify', `${demoModelDir}/vae`, '--quick']);
    expect(code).toBe(1);
    expect(out).toContain(`the folder (model_not_found)\n  ${demoModelDir}/vae is one part of a model`);
    expect(out).toContain(`at ${demoModelDir}.\n`);
    expect(err).toContain('One thing is wrong');
  });

  it('with --json: a line with the findings, then that of the error', async () => {
    const whole = await run(['verify', '--json', '--quick'], demoModelDir);
    expect(JSON.parse(whole.out)).toEqual({ dir: demoModelDir, quick: true, findings: [], prepared: [] });
    const { out, code } = await run(['verify', '--json'], '/nowhere');
    const [findings, error] = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(1);
    expect(findings).toMatchObject({ dir: '/nowhere', findings: [{ code: 'model_not_found', file: null }] });
    expect(error).toMatchObject({ error: { code: 'model_not_found' } });
  });

  it('refuses what it does not know', async () => {
    expect(await run(['verify', 'a', 'b'])).toMatchObject({ code: 2 });
    expect(await run(['verify', '--deep'])).toMatchObject({ code: 2 });
    expect(await run(['verifi'])).toMatchObject({ code: 2 });
  });
});

it('the line of progress has bytes, rate and time left, and never wraps', () => {
  const progress = {
    ...{ file: 'transformer/x.safetensors', filesDone: 2, files: 12, bytesDone: 12.3e9, bytes: 57.4e9 },
    ...{ bytesPerSecond: 1.5e9, etaSeconds: 30 },
  };
  const wide = renderVerify(progress, { columns: 120, color: false });
  expect(wide).toContain('12.3 GB of 57.4 GB  1.5 GB/s  ETA 0:30  transformer/x.safetensors');
  for (const columns of [0, 10, 40, 80])
    expect(renderVerify(progress, { columns, color: false }).length).toBeLessThanOrEqual(Math.max(0, columns - 1));
  const first = { ...progress, bytesDone: 0, bytes: 0, bytesPerSecond: null, etaSeconds: null };
  expect(renderVerify(first, { columns: 80, color: false })).not.toContain('ETA');
});
